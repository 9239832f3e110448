"""At start: go on with the calls of which a former process left notes, if the media worker has their audio still.

`take` makes them our calls again, before the worker's events of the meantime come in; `settle` does, after those, what the
former process had begun and nobody but it would have finished.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import TypeVar

import structlog

from callstream_media_gateway.adapters.caller_leg import RETRY_AFTER, CallerLeg
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.adapters.restored_leg import RestoredLeg
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.adapters.trunk_leg import Place
from callstream_media_gateway.app.finish_recording import FinishRecording
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.note import Caller, Note, NoteError, read
from callstream_media_gateway.app.perform import FIGURES_WITHIN_S, Performer
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.app.trunks import Trunks
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import BEFORE_ANSWER, OVER, C, Call
from callstream_media_gateway.domain.callback import awaits_agent
from callstream_media_gateway.domain.parties import LegStage
from callstream_media_gateway.domain.sip_status import PROCESS_LOST
from callstream_media_gateway.media.protocol import Snapshot
from callstream_media_gateway.media.worker_commands import DestroyLeg
from callstream_media_gateway.sip.dialog_state import DialogState
from callstream_media_gateway.sip.errors import NotAcceptableError, ParseError
from callstream_media_gateway.sip.invite_state import InviteState
from callstream_media_gateway.sip.sdp import parse_sdp
from callstream_media_gateway.sip.user_agent import UserAgent

log = structlog.get_logger(__name__)

PROBE_AFTER_S = 4.5
"""A BYE of the time without us is repeated every 4 s at most (T2): its own word about the end is better than what we find out."""

Offered = TypeVar("Offered", bound=CallerLeg)

Ended = dict[tuple[str, str], bool]
"""(tenant, call id) of this gateway's calls that are not settled in the log → whether their end stands there."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What may have died with the former process. opening: legs whose media was asked for; lost: legs whose INVITE is nowhere;
    play_id: what the customer should hear; recordings: whose outcome is open."""

    live: LiveCall
    opening: tuple[str, ...]
    lost: tuple[str, ...]
    play_id: str
    recordings: tuple[str, ...]


class Restore:
    """One for each start."""

    def __init__(
        self,
        switchboard: Switchboard,
        performer: Performer,
        finish: FinishRecording,
        media: MediaSide,
        user_agent: UserAgent,
        ring_agent: RingAgent,
        trunks: Trunks,
        rtp_timeout_ms: int,
    ) -> None:
        self._ring_agent, self._trunks = ring_agent, trunks
        self._switchboard, self._performer, self._finish = switchboard, performer, finish
        self._media, self._user_agent, self._rtp_timeout_ms = media, user_agent, rtp_timeout_ms
        self.calls: list[LiveCall] = []
        """Those that go on."""
        self._useless: list[str] = []
        self._unfinished: list[Unfinished] = []

    def take(self, notes: dict[str, bytes], snapshot: Snapshot, known: Ended) -> None:
        """Every call that can go on does; of the others the peers are told that it is over."""
        held = {leg.leg_id for leg in snapshot.legs}
        for call_id, text in notes.items():
            try:
                note = read(text)
                self._one(note, held, known)
            except (NoteError, ParseError, NotAcceptableError) as error:
                log.error("a call's note is of no use", call_id=call_id, error=str(error))
            except Exception:  # one call's trouble is not the others'
                log.exception("a call is not restored", call_id=call_id)
                self._switchboard.calls.pop(call_id, None)
            if call_id not in self._switchboard.calls:
                self._useless.append(call_id)

    def _one(self, note: Note, held: set[str], known: Ended) -> None:
        call = note.call
        ended = known.get((call.tenant, call.call_id))
        gone = ended if ended is not None else bool(note.arrived_seq)  # not among the open ones, and yet told: it is settled
        if call.customer not in OVER and (gone or not _can_go_on(note)):
            log.warning("a call cannot go on", call_id=call.call_id, customer=call.customer, ended=gone)
            self._say_goodbye(note)
            return
        legs = {leg_id: self._leg(leg_id, state) for leg_id, state in note.dialogs.items()}
        legs |= {leg_id: self._rung(leg_id, invite) for leg_id, invite in note.invites.items()}
        caller: CallerLeg | RestoredLeg | None = None
        if note.caller is not None:
            caller = self._offered(CallerLeg, call.customer_leg, note.caller)
        elif call.arrived is not None:
            caller = legs.pop(call.customer_leg, None) or self._hung_up(call.customer_leg)
        live = self._switchboard.restore(call, caller)
        live.outbox.resume(note.version, note.events())
        live.phones.update(legs)
        live.phones.update({leg_id: self._offered(PhoneCallLeg, leg_id, noted) for leg_id, noted in note.callers.items()})
        self._performer.timers.resume(live, time.time())
        self._ring_agent.restored(call)
        for leg_id, place in note.places.items():
            if leg_id in legs:
                self._trunks.occupy(place, +1)
                legs[leg_id].take_place(place, self._give_back, self._trunks.credentials_at(place))
        live.wavs, live.prepared = note.wavs, note.prepared
        live.heard = True  # it may have been: the former process knew
        live.arrived_seq, live.seen_seq, live.seen_media = note.arrived_seq, note.seen_seq, note.seen_media
        for leg in call.legs.values():
            if leg.stage is LegStage.OPEN or leg.leg_id in held:
                live.opened.add(leg.leg_id)
            if leg.stage is LegStage.CLOSING:
                self._close_again(live, leg.leg_id)
        for side in (caller, *live.phones.values()):
            if isinstance(side, CallerLeg | RestoredLeg):
                side.attach(lambda given: self._switchboard.feed(live, given))
        stages = {leg.leg_id: leg.stage for leg in call.legs.values()}
        self._unfinished.append(
            Unfinished(
                live,
                opening=tuple(leg_id for leg_id, stage in stages.items() if stage is LegStage.OPENING),
                lost=tuple(
                    leg_id
                    for leg_id, stage in stages.items()
                    if stage is LegStage.OPEN and leg_id not in live.phones and (caller is None or leg_id != call.customer_leg)
                ),
                play_id=_sounding(call),
                recordings=tuple(sorted(call.recordings)),
            )
        )
        self.calls.append(live)

    def _leg(self, leg_id: str, state: DialogState) -> RestoredLeg:
        dialog = self._user_agent.restore(state)
        remote = dialog.remote_sdp
        if remote is None:
            dialog.bye()
            raise NotAcceptableError("the answer to our offer never came")
        session = SdpSession.restored(dialog.local_sdp, remote)
        return RestoredLeg(leg_id, dialog, session, self._media, self._rtp_timeout_ms)

    def _offered(self, kind: type[Offered], leg_id: str, noted: Caller) -> Offered:
        incoming = self._user_agent.restore_offered(noted.offered)
        session = SdpSession.restored(parse_sdp(noted.local), incoming.offer)
        return kind(leg_id, incoming, session, self._media, self._rtp_timeout_ms)

    def _rung(self, leg_id: str, state: InviteState) -> RestoredLeg:
        calling = self._user_agent.restore_invite(state)
        session = SdpSession.restored(calling.offer, None)
        return RestoredLeg(leg_id, None, session, self._media, self._rtp_timeout_ms, calling)

    def _give_back(self, place: Place) -> None:
        self._trunks.occupy(place, -1)

    def _hung_up(self, leg_id: str) -> RestoredLeg:
        return RestoredLeg(leg_id, None, SdpSession("0.0.0.0", None), self._media, self._rtp_timeout_ms)

    def _close_again(self, live: LiveCall, leg_id: str) -> None:
        """Its figures are on their way, unless they came in the former process's last moment."""
        self._media.tell(DestroyLeg(leg_id))
        loop = asyncio.get_running_loop()
        live.closing[leg_id] = loop.call_later(FIGURES_WITHIN_S, self._performer.leg_closed, live, leg_id, inputs.LegFigures())

    def hang_up(self, notes: dict[str, bytes]) -> None:
        """Of calls whose worker died as well: tell their peers that it is over."""
        for call_id, text in notes.items():
            log.warning("hanging up what died with the media worker", call_id=call_id)
            try:
                self._say_goodbye(read(text))
            except (NoteError, ParseError, NotAcceptableError) as error:
                log.error("a call's note is of no use", call_id=call_id, error=str(error))
            self._useless.append(call_id)

    def _say_goodbye(self, note: Note) -> None:
        for leg_id, state in note.dialogs.items():
            dialog, place = self._user_agent.restore(state), note.places.get(leg_id)
            dialog.credentials = self._trunks.credentials_at(place) if place is not None else None
            dialog.bye()
        for invite in note.invites.values():
            self._user_agent.restore_invite(invite).cancel()
        for noted in (*note.callers.values(), *([note.caller] if note.caller is not None else ())):
            self._user_agent.restore_offered(noted.offered).reject(503, headers=RETRY_AFTER)

    async def settle(self) -> None:
        """What was under way in the former process and died with it."""
        for call_id in self._useless:
            self._switchboard.forgotten(call_id)
        await self._media.client.caught_up()
        snapshot = self._media.client.snapshot
        playing = {leg.play_id for leg in snapshot.legs} if snapshot is not None else set()
        running = {recording.recording_id for recording in snapshot.recordings} if snapshot is not None else set()
        for begun in self._unfinished:
            live, call = begun.live, begun.live.call
            for leg_id in begun.opening:
                if leg_id in call.legs and call.legs[leg_id].stage is LegStage.OPENING:
                    self._performer(live, do.OpenLeg(leg_id))
            for leg_id in begun.lost:
                self._switchboard.feed(live, inputs.PhoneRefused(leg_id=leg_id, sip_status=PROCESS_LOST))
            if call.customer is C.RINGING and live.caller is not None:
                live.caller.ring()
            if call.customer is C.ANSWERING:
                self._switchboard.feed(live, inputs.CallerConfirmed())
            play = call.play
            if play is not None and begun.play_id and begun.play_id == _sounding(call) and begun.play_id not in playing:
                if play.message is not None:
                    self._switchboard.feed(live, inputs.PlayEnded(play_id=begun.play_id, how="completed"))
                else:
                    self._performer(live, do.StartPlay(play.play_id, play.prompts, play.repeat, play.barge_in))
            for recording_id in begun.recordings:
                if recording_id not in running:
                    self._finish.stopped(live, recording_id)
            live.outbox.hurry()
            self._switchboard.release(live)
            if call.call_id in self._switchboard.calls:
                self._switchboard.noted(live)
        asyncio.get_running_loop().call_later(PROBE_AFTER_S, self._probe)

    def _probe(self) -> None:
        for live in self.calls:
            for side in (live.caller, *live.phones.values()):
                if isinstance(side, RestoredLeg):
                    side.probe()


def _sounding(call: Call) -> str:
    """Id of what the media worker should play to the customer now: of a message it is the beep, and nothing once that is over."""
    play = call.play
    if play is None or not play.started:
        return ""
    if play.message is None:
        return play.play_id
    return call.legs[call.customer_leg].tune if call.customer_leg in call.legs and not play.message.recording_id else ""


def _can_go_on(note: Note) -> bool:
    """A caller who is bound to us by a reliable provisional response has nothing to go on with (sip/offered_state.py)."""
    call = note.call
    if call.arrived is None:
        return bool(note.dialogs or note.invites or note.callers) or awaits_agent(call)
    return call.customer_leg in note.dialogs or (note.caller is not None and call.customer in BEFORE_ANSWER)
