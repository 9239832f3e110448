"""The way into a call: `begin` makes it, `decide` takes one input and gives the effects, in order."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from callstream.contracts.call_events import CallArrived, CallDialled
from callstream.contracts.states import LegRole, Purpose
from callstream_media_gateway.domain import (
    callback,
    collect,
    consult,
    flow,
    hold,
    inputs,
    menu,
    message,
    on_command,
    on_control,
    on_log,
    on_media,
    on_sip,
    on_time,
    orders,
    supervise,
    survey,
    transfer,
    with_customer,
)
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.heard import remix
from callstream_media_gateway.domain.parties import Leg
from callstream_media_gateway.domain.states import CustomerState

HANDLERS: dict[type[inputs.Input], Callable[[Call, Any], None]] = {
    inputs.ArrivalStored: on_log.arrival_stored,
    inputs.ArrivalNotStored: on_log.arrival_not_stored,
    inputs.Superseded: on_log.superseded,
    inputs.Offered: on_log.offered,
    inputs.Withdrawn: on_log.withdrawn,
    inputs.AnswerLogged: on_log.answer_logged,
    inputs.CallerCancelled: on_sip.caller_cancelled,
    inputs.CallerConfirmed: on_sip.caller_confirmed,
    inputs.PhoneRings: on_sip.phone_rings,
    inputs.PhoneAnswered: on_sip.phone_answered,
    inputs.PhoneRefused: on_sip.phone_refused,
    inputs.HungUp: on_sip.hung_up,
    inputs.KeyPressed: on_sip.key_pressed,
    inputs.LegOpened: on_media.leg_opened,
    inputs.LegFailed: on_media.leg_failed,
    inputs.LegClosed: on_media.leg_closed,
    inputs.PlayEnded: on_media.play_ended,
    inputs.Silent: on_media.silent,
    inputs.MediaLost: on_media.media_lost,
    inputs.RecordingQuiet: message.quiet,
    inputs.RecordingSaved: on_media.recording_saved,
    inputs.RecordingLost: on_media.recording_lost,
    inputs.Answer: on_command.answer,
    inputs.Play: on_command.play,
    inputs.Stop: on_command.stop,
    inputs.TakeMessage: message.take,
    inputs.HangUp: on_command.hang_up,
    inputs.DropOffer: on_command.drop_offer,
    inputs.TearDown: on_control.tear_down,
    inputs.Transfer: transfer.transfer,
    inputs.RequestLeft: on_control.request_left,
    orders.Controlled: on_control.controlled,
    orders.AskAgent: consult.ask_agent,
    orders.AskOutside: consult.ask_outside,
    orders.HandOver: transfer.hand_over,
    orders.HandOut: transfer.hand_out,
    orders.Supervise: supervise.supervise,
    inputs.PhoneHeld: hold.phone_held,
    inputs.PhoneRetrieved: hold.phone_retrieved,
    orders.SendKeys: with_customer.send_keys,
    orders.PlayTo: with_customer.play,
    orders.Collect: collect.collect,
    orders.AskRating: survey.ask,
    orders.RunFlow: flow.run,
    inputs.FlowOver: flow.over,
    inputs.TimeUp: on_time.time_up,
    inputs.MenuRefused: menu.refused,
    inputs.PhoneRefers: menu.referred,
    inputs.MixFailed: on_media.mix_failed,
    inputs.SoundsBad: on_media.sounds_bad,
}


REMEMBERED = 32
"""Commands of a call; a repetition comes within seconds."""


def begin(call_id: str, tenant: str, arrived: CallArrived, now: datetime, hops: int = 70) -> tuple[Call, list[do.Effect]]:
    """A call that was admitted: its arrival goes to the log while its media leg is opened."""
    call = Call(call_id, tenant, arrived=arrived, now=now, hops=hops)
    call.open_leg(Leg(arrived.leg_id, LegRole.CUSTOMER, announced=True))
    call.append(arrived)
    return call, _take(call)


def begin_dialled(
    call_id: str,
    tenant: str,
    dialled: CallDialled,
    now: datetime,
    cause: str,
    number: str = "",
    *,
    auto_answer: bool = False,
    hops: int | None = None,
) -> tuple[Call, list[do.Effect]]:
    """A call that an agent begins, or one that calls somebody back. `number`: the mobile that is the agent's phone (F141).
    `hops`: the agent's phone has begun it by an INVITE of its own, which has so many left.

    A command for any gateway may reach two, when its first answer was lost. The event's id names the gateway, so that the
    log takes it from one: the other has a conflict, before it has rung anybody.
    """
    call = Call(call_id, tenant, dialled=dialled, now=now, cause=cause, customer=CustomerState.AWAITED)
    if dialled.purpose is Purpose.CALLBACK:
        callback.await_offer(call)
        call.append(dialled, f"dialled-{dialled.gateway}")
        return call, _take(call)
    own = Leg(
        dialled.agent_leg_id,
        LegRole.AGENT,
        announced=False,
        agent_id=dialled.agent_id,
        number=number,
        purpose=dialled.purpose,
        auto_answer=auto_answer,
    )
    if hops is not None:
        own.calls, call.hops = True, hops
    call.open_leg(own)
    call.append(dialled, f"dialled-{dialled.gateway}")
    return call, _take(call)


def decide(call: Call, given: inputs.Input, now: datetime) -> list[do.Effect]:
    """One step. Raises Refusal for a command that is not possible now; nothing has changed then."""
    call.now, call.cause = now, given.cause
    HANDLERS[type(given)](call, given)
    return _take(call)


def command(call: Call, given: inputs.Input, now: datetime) -> list[do.Effect]:
    """A command's step. One that was carried out already changes nothing: its answer may have been lost with the process
    that gave it, and the next one is asked again."""
    if given.cause in call.done:
        return []
    effects = decide(call, given, now)
    if given.cause:
        call.done = [*call.done[1 - REMEMBERED :], given.cause]
    return effects


def _take(call: Call) -> list[do.Effect]:
    """The step's effects; who hears whom changes with the last of them, at one tick."""
    collect.look_after(call)
    flow.look_after(call)
    remix(call)
    effects, call.effects = call.effects, []
    return effects
