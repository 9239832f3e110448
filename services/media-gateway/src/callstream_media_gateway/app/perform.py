"""Does what a call wants: one small method for each effect."""

import asyncio
from collections.abc import Callable
from typing import Any

from callstream.contracts.recording_bucket import RecordingBucket
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.adapters.recordings import wav_path
from callstream_media_gateway.app.finish_recording import FinishRecording
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.play_prompts import PlayPrompts
from callstream_media_gateway.app.press_keys import PressKeys
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.app.timers import Timers
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.media import worker_commands

FIGURES_WITHIN_S = 1.0
"""How long the end of a leg waits for the worker's figures."""


class Performer:
    """Call it with a call and an effect. `archived_at`: a tenant's own bucket, if it has one."""

    def __init__(
        self,
        switchboard: Switchboard,
        media: MediaSide,
        ring_agent: RingAgent,
        prompts: PlayPrompts,
        finish: FinishRecording,
        archived_at: Callable[[str], RecordingBucket | None],
    ) -> None:
        self._switchboard, self._media, self._ring_agent = switchboard, media, ring_agent
        self._prompts, self._finish, self._archived_at = prompts, finish, archived_at
        self.keys, self.timers = PressKeys(media), Timers(switchboard.feed)
        self.choose: Callable[[LiveCall, do.Choose], None]
        """What an agent chose in the feature menu; set before the first call."""
        self._actions: dict[type[do.Effect], Callable[[LiveCall, Any], object]] = {
            do.Append: switchboard.record,
            do.Ring: lambda live, _: live.caller and live.caller.ring(),
            do.AnswerCaller: lambda live, _: live.caller and live.caller.answer(),
            do.RefuseCaller: lambda live, effect: live.caller and live.caller.refuse(effect.sip_status),
            do.InvitePhone: self._invite,
            do.HangUpLeg: self._hang_up,
            do.RingPhone: self._tell_ringing,
            do.AnswerPhone: self._answer_phone,
            do.AnswerRefer: self._answer_refer,
            do.OpenLeg: self._open,
            do.CloseLeg: self._close,
            do.WatchLeg: self._watch,
            do.StartPlay: prompts.start,
            do.StopPlay: lambda live, effect: self._prompts.stop(live, effect.play_id),
            do.StartTune: prompts.tune,
            do.Mix: self._mix,
            do.Record: self._record,
            do.StopRecord: lambda _, effect: self._media.tell(worker_commands.StopRecording(effect.recording_id)),
            do.PauseRecord: lambda _, effect: self._media.tell(_pause(effect)),
            do.SendDigits: self.keys.press,
            do.MaskLeg: lambda _, effect: self._media.tell(worker_commands.Mask(effect.leg_id, effect.on)),
            do.StartTimer: self.timers.start,
            do.StopTimer: self.timers.stop,
            do.Choose: lambda live, effect: self.choose(live, effect),
            do.Salvage: lambda live, effect: self._finish.salvage(live, effect.recording_id),
        }

    def __call__(self, live: LiveCall, effect: do.Effect) -> None:
        self._actions[type(effect)](live, effect)

    def _invite(self, live: LiveCall, effect: do.InvitePhone) -> None:
        live.phones[effect.leg_id].invite()

    def _hang_up(self, live: LiveCall, effect: do.HangUpLeg) -> None:
        phone = live.phones.get(effect.leg_id)
        if isinstance(phone, PhoneCallLeg):
            phone.leave(effect.sip_status)
        elif phone is not None:
            phone.hang_up()
        elif effect.leg_id == live.call.customer_leg and live.caller is not None:
            live.caller.hang_up()

    def _tell_ringing(self, live: LiveCall, effect: do.RingPhone) -> None:
        phone = live.phones.get(effect.leg_id)
        if isinstance(phone, PhoneCallLeg):
            phone.tell_ringing(early=effect.early)

    def _answer_phone(self, live: LiveCall, effect: do.AnswerPhone) -> None:
        phone = live.phones.get(effect.leg_id)
        if isinstance(phone, PhoneCallLeg):
            phone.answer()

    def _answer_refer(self, live: LiveCall, effect: do.AnswerRefer) -> None:
        """Nobody waits any more where a former process took the REFER."""
        side = live.caller if effect.leg_id == live.call.customer_leg and live.caller else live.phones.get(effect.leg_id)
        referral = side.dialog.referral if side is not None and side.dialog is not None else None
        if referral is not None:
            referral.progress(effect.sip_status)

    def _open(self, live: LiveCall, effect: do.OpenLeg) -> None:
        leg_id, call = effect.leg_id, live.call
        if leg_id == call.customer_leg and live.caller is not None:
            session = live.caller.session
        else:
            phone = live.phones.get(leg_id) or self._ring_agent.leg(live, call.legs[leg_id])
            if phone is None:
                self._switchboard.feed(live, inputs.LegFailed(leg_id=leg_id))
                return
            live.phones[leg_id] = phone
            session = phone.session
            self._switchboard.by_leg[leg_id] = live

        def opened(port: int) -> None:
            session.opened(port)
            self._switchboard.feed(live, inputs.LegOpened(leg_id=leg_id))

        def settled(why: str) -> None:
            live.opening.discard(leg_id)
            if why:
                live.opened.discard(leg_id)
                self._switchboard.feed(live, inputs.LegFailed(leg_id=leg_id))

        known = leg_id in live.opened
        live.opened.add(leg_id)
        live.opening.add(leg_id)
        self._media.open_leg(session.create(leg_id, call.call_id), opened, settled, known=known)

    def _close(self, live: LiveCall, effect: do.CloseLeg) -> None:
        """The figures come with the worker's LegStats; without them the leg ends all the same."""
        leg_id = effect.leg_id
        held = leg_id in live.opened and self._media.connected
        if held:
            self._media.tell(worker_commands.DestroyLeg(leg_id))
        patience = FIGURES_WITHIN_S if held else 0.0
        loop = asyncio.get_running_loop()
        live.closing[leg_id] = loop.call_later(patience, self.leg_closed, live, leg_id, inputs.LegFigures())

    def leg_closed(self, live: LiveCall, leg_id: str, figures: inputs.LegFigures) -> None:
        """The leg's end, with figures or without; once."""
        timer = live.closing.pop(leg_id, None)
        if timer is None:
            return
        timer.cancel()
        live.opened.discard(leg_id)
        live.phones.pop(leg_id, None)
        self._switchboard.by_leg.pop(leg_id, None)
        self._switchboard.feed(live, inputs.LegClosed(leg_id=leg_id, figures=figures))

    def _watch(self, live: LiveCall, effect: do.WatchLeg) -> None:
        phone = live.phones.get(effect.leg_id)
        if phone is not None:
            phone.watch()
        elif live.caller is not None:
            live.caller.watch()

    def _mix(self, live: LiveCall, effect: do.Mix) -> None:
        def failed(_: str) -> None:
            self._switchboard.feed(live, inputs.MixFailed())

        if effect.disconnect:
            self._media.tell(worker_commands.Disconnect(_edges(effect.disconnect)), failed)
        if effect.connect:
            self._media.tell(worker_commands.Connect(_edges(effect.connect)), failed)

    def _record(self, live: LiveCall, effect: do.Record) -> None:
        call, recording_id = live.call, effect.recording_id
        path = live.wavs[recording_id] = wav_path(call.tenant, recording_id, call.now, self._archived_at(call.tenant))

        def failed(why: str) -> None:
            self._switchboard.feed(live, inputs.RecordingLost(recording_id=recording_id, message=why))

        self._media.tell(
            worker_commands.StartRecording(call.call_id, recording_id, effect.customer_leg, None, path, effect.quiet_s), failed
        )


def _pause(effect: do.PauseRecord) -> worker_commands.PauseRecording | worker_commands.ResumeRecording:
    return (worker_commands.PauseRecording if effect.on else worker_commands.ResumeRecording)(effect.recording_id)


def _edges(edges: tuple[do.Edge, ...]) -> tuple[worker_commands.Edge, ...]:
    return tuple(worker_commands.Edge(edge.listener, edge.source) for edge in edges)
