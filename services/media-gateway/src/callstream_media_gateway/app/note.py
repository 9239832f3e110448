"""What signalling leaves in a file about a call, so that the next signalling process can go on with it.

A note is written after each step of a call, behind its orders to the media worker and before the step's events are on their
way into the log. So whatever a peer or the log was told stands in a note, and events that are told a
second time are recognised by their ids.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from callstream.contracts.envelope import NewEvent, UnreadableEvent, decode_body, encode_body
from callstream_media_gateway.adapters.caller_leg import CallerLeg
from callstream_media_gateway.adapters.trunk_leg import Place
from callstream_media_gateway.app.dial_out import Prepared
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.sip import invite_state, offered_state
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.dialog_state import DialogState
from callstream_media_gateway.sip.invite_state import InviteState
from callstream_media_gateway.sip.offered_state import OfferedState
from callstream_media_gateway.sip.outgoing_call import OutgoingCall

FORM = 7
"""Raised with every change that an older or newer process could misread."""


class Waiting(Struct, frozen=True, array_like=True):
    """An event that was decided and is not known to stand in the log."""

    id: str
    type: str
    time: datetime
    body: bytes
    causation_id: str


class Caller(Struct, frozen=True, array_like=True):
    """A customer, or an agent's phone, whose INVITE is not answered. local: the description that we shall answer with."""

    offered: OfferedState
    local: bytes


class Note(Struct, frozen=True, array_like=True):
    """One call. dialogs: by leg id, of the answered legs; invites: of those that are being rung. caller: until it is
    answered; callers: agents' phones that have called, as well. prepared: outside numbers that may be rung; places:
    of trunks, by leg id. version: of the call's aggregate when the note was written.

    seen_seq, seen_media: how far routing's words and the worker's events about this call have been dealt with.
    """

    form: int
    call: Call
    dialogs: dict[str, DialogState]
    invites: dict[str, InviteState]
    caller: Caller | None
    prepared: dict[str, Prepared]
    places: dict[str, Place]
    version: int
    waiting: tuple[Waiting, ...]
    wavs: dict[str, str]
    arrived_seq: int
    seen_seq: int
    seen_media: int
    callers: dict[str, Caller] = {}

    def events(self) -> list[NewEvent]:
        """What waits for the log. Raises UnreadableEvent."""
        call = self.call
        return [
            NewEvent(
                id=each.id,
                tenant=call.tenant,
                aggregate_id=call.call_id,
                time=each.time,
                event=decode_body(each.type, each.body),
                correlation_id=call.call_id,
                causation_id=each.causation_id,
            )
            for each in self.waiting
        ]


class NoteError(Exception):
    """The note was not written by this version; the message says where it differs."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Note)


def write(live: LiveCall) -> bytes:
    """The call as it is now."""
    outbox, answered = live.outbox, dialogs(live)
    for leg_id, dialog in answered:
        if leg_id not in live.states:
            live.states[leg_id] = dialog.export()
    return _encoder.encode(
        Note(
            FORM,
            live.call,
            {leg_id: live.states[leg_id] for leg_id, _ in answered},
            {leg_id: state for leg_id, calling in _unanswered(live) if (state := invite_state.export(calling)) is not None},
            _caller(live.caller),
            live.prepared,
            {leg_id: phone.place for leg_id, phone in live.phones.items() if phone.place is not None},
            outbox.version,
            tuple(Waiting(new.id, new.event.TYPE, new.time, encode_body(new.event), new.causation_id) for new in outbox.waiting),
            live.wavs,
            live.arrived_seq,
            live.seen_seq,
            live.seen_media,
            {leg_id: caller for leg_id, phone in live.phones.items() if (caller := _caller(phone)) is not None},
        )
    )


def read(note: bytes) -> Note:
    """Raises NoteError."""
    try:
        found = _decoder.decode(note)
        found.events()
    except (msgspec.DecodeError, UnreadableEvent) as error:
        raise NoteError(str(error)) from error
    if found.form != FORM:
        raise NoteError(f"form {found.form}, not {FORM}")
    return found


def _caller(leg: object) -> Caller | None:
    if not isinstance(leg, CallerLeg) or leg.dialog is not None:
        return None
    offered = offered_state.export(leg.incoming)
    return Caller(offered, leg.session.local.to_bytes()) if offered is not None else None


def _unanswered(live: LiveCall) -> list[tuple[str, OutgoingCall]]:
    return [
        (leg_id, phone.calling) for leg_id, phone in live.phones.items() if phone.dialog is None and phone.calling is not None
    ]


def dialogs(live: LiveCall) -> list[tuple[str, Dialog]]:
    """Of the legs that were answered and are not over."""
    caller = live.caller.dialog if live.caller is not None else None
    legs = [(live.call.customer_leg, caller), *((leg_id, phone.dialog) for leg_id, phone in live.phones.items())]
    return [(leg_id, dialog) for leg_id, dialog in legs if dialog is not None and not dialog.is_over]
