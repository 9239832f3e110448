"""Hold and mute: changes of a leg's facts, told to the log. `heard.py` makes of them who hears whom."""

from callstream.contracts.control_events import AgentMuted, AgentUnmuted, CallHeld, CallRetrieved
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import OVER, Call
from callstream_media_gateway.domain.controls import Control, possible
from callstream_media_gateway.domain.effects import Tune
from callstream_media_gateway.domain.parties import Leg
from callstream_media_gateway.domain.situation import far_side, situation


def hold(call: Call, leg: Leg, actor: str) -> None:
    """The far side hears music; what was played to it is over (F013)."""
    far = far_side(call, leg)
    if far is None or far.held:
        return
    far.held = True
    if far.leg_id == call.customer_leg:
        call.finish_play("stopped")
    call.append(CallHeld(agent_id=leg.agent_id, leg_id=far.leg_id, actor=actor))
    call.start_tune(far, Tune.HOLD)


def retrieve(call: Call, leg: Leg, actor: str, *, keep_music: bool = False) -> None:
    """The hold period is over. `keep_music`: until somebody else comes."""
    far = far_side(call, leg)
    if far is None or not far.held:
        return
    far.held = False
    if not keep_music:
        call.stop_tune(far)
    call.append(CallRetrieved(agent_id=leg.agent_id, leg_id=far.leg_id, actor=actor))


def mute(call: Call, leg: Leg, _: str) -> None:
    """Nobody hears the agent (F014)."""
    if not leg.muted:
        leg.muted = True
        call.append(AgentMuted(agent_id=leg.agent_id, leg_id=leg.leg_id))


def unmute(call: Call, leg: Leg, _: str) -> None:
    """The agent is heard again."""
    if leg.muted:
        leg.muted = False
        call.append(AgentUnmuted(agent_id=leg.agent_id, leg_id=leg.leg_id))


def phone_held(call: Call, given: inputs.PhoneHeld) -> None:
    """The phone's own hold key: the same facts, where its agent may hold. Elsewhere the phone just sends nothing."""
    leg = _agent_may(call, given.leg_id, Control.HOLD)
    if leg is not None:
        hold(call, leg, "")


def phone_retrieved(call: Call, given: inputs.PhoneRetrieved) -> None:
    """The phone's own hold is over."""
    leg = _agent_may(call, given.leg_id, Control.RETRIEVE)
    if leg is not None:
        retrieve(call, leg, "")


def _agent_may(call: Call, leg_id: str, control: Control) -> Leg | None:
    leg = call.legs.get(leg_id)
    if leg is None or not leg.agent_id or call.customer in OVER:
        return None
    return leg if control in possible(situation(call, leg.agent_id), internal=call.internal) else None
