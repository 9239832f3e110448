"""From an agent to the leg that rings their phone."""

from urllib.parse import quote

from msgspec import Struct

from callstream.contracts.states import Terminal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.phone_leg import PhoneLeg
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.adapters.trunk_leg import TrunkLeg
from callstream_media_gateway.app.dial_out import DialOut, Prepared
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain.inputs import Input
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.user_agent import UserAgent

RINGS = frozenset(Terminal)
"""Desk phones and browsers are rung at the registered contact of the agent's SIP user, mobiles through a trunk (F034, F061)."""


class Taken(Struct, frozen=True):
    """The newest offer that an agent is rung for. `mobile`: the leg to an outside number, or None."""

    call_id: str
    offer_id: str
    mobile: Prepared | None


class RingAgent:
    """Knows which phone is an agent's, and whether it may be rung."""

    def __init__(
        self,
        switchboard: Switchboard,
        configuration: Configuration,
        phones: Phones,
        user_agent: UserAgent,
        media: MediaSide,
        rtp_timeout_ms: int,
        dial_out: DialOut,
    ) -> None:
        self._switchboard, self._dial_out = switchboard, dial_out
        self._configuration, self._phones, self._user_agent = configuration, phones, user_agent
        self._media, self._rtp_timeout_ms = media, rtp_timeout_ms
        self._last: dict[tuple[str, str], Taken] = {}

    def refusal(self, tenant: str, agent_id: str, call_id: str, offer_id: str, terminal: str, address: str = "") -> Reason | None:
        """Why the agent's phone cannot be rung for this offer, or None; then the agent is taken for it.

        address: of a mobile, as it was reserved; empty: the one that the agent has bound now. Never two legs to one agent
        (F048): agent-state grants one reservation at a time, and this is the last guard.
        """
        if terminal not in RINGS:
            return Reason.TERMINAL_NOT_SUPPORTED
        agent = self._configuration.agent(tenant, agent_id)
        if agent is None:
            return Reason.UNKNOWN_AGENT
        mobile = None
        if terminal == Terminal.MOBILE:
            number = address or agent.mobile
            if not number:
                return Reason.AGENT_UNREACHABLE
            mobile = self._dial_out.to_mobile(tenant, number)
            if mobile is None:
                return Reason.NO_TRUNK
        elif self._phones.of(tenant, agent.sip_user) is None:
            return Reason.AGENT_UNREACHABLE
        before = self._last.get((tenant, agent_id))
        if before is not None and before.offer_id != offer_id and self._is_held(before):
            return Reason.ALREADY_RESERVED
        self._last[tenant, agent_id] = Taken(call_id, offer_id, mobile)
        return None

    def leg(self, live: LiveCall, leg_id: str, agent_id: str) -> PhoneLeg | TrunkLeg | None:
        """The SIP side of the leg; None when the phone has gone meanwhile."""
        tenant, arrived = live.call.tenant, live.call.arrived

        def feed(given: Input) -> None:
            self._switchboard.feed(live, given)

        taken = self._last.get((tenant, agent_id))
        if taken is not None and taken.mobile is not None:
            return self._dial_out.leg(taken.mobile, leg_id, feed)
        agent = self._configuration.agent(tenant, agent_id)
        phone = self._phones.of(tenant, agent.sip_user) if agent is not None else None
        if phone is None:
            return None
        host = self._user_agent.local_addr[0]
        caller = NameAddr("", Uri("sip", quote(arrived.caller, safe="+") or "anonymous", host))
        return PhoneLeg(
            leg_id,
            phone.target,
            phone.hop,
            caller,
            self._user_agent,
            self._media,
            self._rtp_timeout_ms,
            feed,
        )

    def _is_held(self, taken: Taken) -> bool:
        live = self._switchboard.calls.get(taken.call_id)
        return live is not None and taken.offer_id in live.call.offers
