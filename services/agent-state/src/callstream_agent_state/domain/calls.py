"""The calls that the log shows as going on, with their legs: what the gateways' truth is held against."""

from datetime import datetime

import msgspec

from callstream.contracts import call_events as call
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason

Key = tuple[str, str]
"""(tenant, call id)."""


class OpenLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A leg whose end the log has not told."""

    role: LegRole
    agent_id: str = ""
    offer_id: str = ""
    """Of an agent's own call, and of supervision: the call's id."""


class OpenCall(msgspec.Struct, kw_only=True):
    """A call between `call.arrived` or `call.dialled` and `call.ended`."""

    tenant: str
    call_id: str
    gateway: str
    since: datetime
    legs: dict[str, OpenLeg]
    reached: bool = True
    """Of a dialled call: somebody was reached, so that its agent has something to wrap up (F149)."""
    callback: bool = False
    """An offer rings its agent, and their answer has reached nobody yet."""


class OpenCalls:
    """A fold over the calls' events."""

    def __init__(self) -> None:
        self.calls: dict[Key, OpenCall] = {}

    def of_gateway(self, gateway: str) -> list[OpenCall]:
        """The calls that a gateway is said to hold."""
        return [open_call for open_call in self.calls.values() if open_call.gateway == gateway]

    def evolve(self, recorded: Recorded, event: Event) -> None:
        """Take one fact of an event in; of calls that are not open, none counts."""
        key = recorded.tenant, recorded.aggregate_id
        if isinstance(event, call.CallArrived):
            self.calls[key] = OpenCall(
                tenant=recorded.tenant,
                call_id=recorded.aggregate_id,
                gateway=event.gateway,
                since=recorded.time,
                legs={event.leg_id: OpenLeg(role=LegRole.CUSTOMER)},
            )
        elif isinstance(event, call.CallDialled):
            own = OpenLeg(role=LegRole.AGENT, agent_id=event.agent_id, offer_id=recorded.aggregate_id)
            callback = event.purpose is Purpose.CALLBACK
            self.calls[key] = OpenCall(
                tenant=recorded.tenant,
                call_id=recorded.aggregate_id,
                gateway=event.gateway,
                since=recorded.time,
                legs={event.agent_leg_id: own} if event.agent_leg_id and not callback else {},
                reached=False,
                callback=callback,
            )
        elif isinstance(event, call.CallEnded):
            self.calls.pop(key, None)
        elif (known := self.calls.get(key)) is not None:
            if isinstance(event, call.LegStarted):
                known.legs[event.leg_id] = OpenLeg(
                    role=event.role, agent_id=event.agent_id, offer_id=event.offer_id or _own_leg(event, recorded.aggregate_id)
                )
            elif isinstance(event, call.LegEnded):
                known.legs.pop(event.leg_id, None)
            elif isinstance(event, call.OfferAnswered):
                known.reached = known.reached or not known.callback
            elif isinstance(event, LegAnswered):
                known.reached = known.reached or event.role in (LegRole.CUSTOMER, LegRole.EXTERNAL)

    def reached(self, key: Key) -> bool:
        """Whether an open call has, or has had, somebody at its far end; a call that is not known had."""
        known = self.calls.get(key)
        return known is None or known.reached

    def supervises(self, key: Key, agent_id: str) -> bool:
        """Whether the agent is in an open call as a supervisor."""
        known = self.calls.get(key)
        return known is not None and any(
            leg.role is LegRole.SUPERVISOR and leg.agent_id == agent_id for leg in known.legs.values()
        )


def _own_leg(event: call.LegStarted, call_id: str) -> str:
    """What stands for the offer of an agent's leg that none stands behind."""
    return call_id if event.agent_id and event.role in (LegRole.AGENT, LegRole.SUPERVISOR) else ""


def closing(lost: OpenCall) -> tuple[str, Event]:
    """(key, event) that ends a call whose gateway does not have it any more, with its legs.

    The key is the one that the gateway itself uses when it comes back and settles its past: whoever is second is a repeat.
    """
    legs = tuple(
        call.LegEnded(leg_id=leg_id, role=leg.role, reason=Reason.GATEWAY_LOST, agent_id=leg.agent_id, offer_id=leg.offer_id)
        for leg_id, leg in lost.legs.items()
    )
    return "lost", call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM, legs=legs)
