"""Commands of agents and supervisors to a call that goes on. An illegal one raises Refusal and has changed nothing (F035)."""

from collections.abc import Callable

from callstream.contracts.call_events import ServiceTornDown
from callstream.contracts.states import Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import conference, consult, flow, hold, inputs, on_recording, orders, supervise, transfer
from callstream_media_gateway.domain.call import OVER, Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.departed import departed
from callstream_media_gateway.domain.parties import Leg
from callstream_media_gateway.domain.situation import check


def _leave(call: Call, leg: Leg, actor: str) -> None:
    conference.leave(call, leg, actor)


def _complete(call: Call, leg: Leg, actor: str) -> None:
    consult.complete(call, leg, actor)


def _retrieve(call: Call, leg: Leg, actor: str) -> None:
    hold.retrieve(call, leg, actor)


def _hang_up(call: Call, leg: Leg, _: str) -> None:
    departed(call, leg, Reason.AGENT_HUNG_UP, Party.AGENT, peer_gone=False)


DO: dict[Control, Callable[[Call, Leg, str], None]] = {
    Control.HOLD: hold.hold,
    Control.RETRIEVE: _retrieve,
    Control.HANG_UP: _hang_up,
    Control.MUTE: hold.mute,
    Control.UNMUTE: hold.unmute,
    Control.COMPLETE: _complete,
    Control.CANCEL: consult.cancel,
    Control.JOIN: consult.join,
    Control.LEAVE: _leave,
    Control.RESUME: flow.resume,
    Control.DROP_PARTY: conference.drop_third,
    Control.END_SUPERVISION: supervise.end,
    Control.PAUSE_RECORDING: on_recording.pause,
    Control.RESUME_RECORDING: on_recording.resume,
}
"""(call, the agent's leg, actor)"""


def controlled(call: Call, given: orders.Controlled) -> None:
    """Look into the table, then do it."""
    leg = check(call, given.control, given.agent_id)
    DO[given.control](call, leg, given.actor)


def tear_down(call: Call, given: inputs.TearDown) -> None:
    """A supervisor ends the service and the call with it (F213)."""
    check(call, Control.TEAR_DOWN, given.agent_id)
    call.append(ServiceTornDown(agent_id=given.agent_id, actor=given.actor))
    call.end(Reason.SUPERVISOR, Party.SUPERVISOR)


def request_left(call: Call, given: inputs.RequestLeft) -> None:
    """Nobody will come for a request that this gateway made."""
    wanted = call.wanted.get(given.request_id)
    if call.customer in OVER or wanted is None:
        return
    party = Party.SUPERVISOR if given.reason is Reason.SUPERVISOR else Party.SYSTEM
    match wanted.purpose:
        case Purpose.CONSULT:
            del call.wanted[given.request_id]
            consult.over(call, "failed", given.reason)
        case Purpose.INTERNAL:
            call.end(given.reason, party)
        case _:
            transfer.nobody_came(call, given.request_id, given.reason, party)
