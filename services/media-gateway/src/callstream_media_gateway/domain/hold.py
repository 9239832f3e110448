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


def put_aside(call: Call, target: Leg) -> None:
    """The consulted party hears music: the agent's phone has turned away from it."""
    if not target.held:
        target.held = True
        call.start_tune(target, Tune.HOLD)


def take_back(call: Call, target: Leg) -> None:
    """The consulted party hears somebody again."""
    if target.held:
        target.held = False
        call.stop_tune(target)


def mute(call: Call, leg: Leg, _: str) -> None:
    """Nobody hears the agent (F014), on whichever leg they talk."""
    if not leg.muted:
        _set_muted(call, leg, on=True)
        call.append(AgentMuted(agent_id=leg.agent_id, leg_id=leg.leg_id))


def unmute(call: Call, leg: Leg, _: str) -> None:
    """The agent is heard again."""
    if leg.muted:
        _set_muted(call, leg, on=False)
        call.append(AgentUnmuted(agent_id=leg.agent_id, leg_id=leg.leg_id))


def phone_held(call: Call, given: inputs.PhoneHeld) -> None:
    """The phone's own hold key: the same facts, where its agent may hold. Elsewhere the phone just sends nothing."""
    _phones_key(call, given.leg_id, Control.HOLD, holds=True)


def phone_retrieved(call: Call, given: inputs.PhoneRetrieved) -> None:
    """The phone's own hold is over."""
    _phones_key(call, given.leg_id, Control.RETRIEVE, holds=False)


def _phones_key(call: Call, leg_id: str, control: Control, *, holds: bool) -> None:
    """Of a phone with two calls each one has a key of its own: for the customer, and for whom the agent consults."""
    leg = call.legs.get(leg_id)
    if leg is None or not leg.agent_id or call.customer in OVER:
        return
    leg.holds = holds
    if leg.second:
        target = call.legs.get(call.consult.target_leg) if call.consult is not None and call.consult.answered else None
        if target is not None:
            (put_aside if holds else take_back)(call, target)
    elif _consults_beside(call, leg) or control in possible(situation(call, leg.agent_id), internal=call.internal):
        (hold if holds else retrieve)(call, leg, "")


def _consults_beside(call: Call, leg: Leg) -> bool:
    """The agent has another leg for the consultation: this one stays the customer's, also while the target still rings."""
    return call.consult is not None and bool(call.consult.own_leg) and call.consult.agent_leg == leg.leg_id


def _set_muted(call: Call, leg: Leg, *, on: bool) -> None:
    leg.muted = on
    second = call.second_leg()
    if second is not None and second.agent_id == leg.agent_id:
        second.muted = on
