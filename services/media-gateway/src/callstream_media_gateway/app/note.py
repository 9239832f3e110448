"""What signalling leaves in a file about a call, so that the next signalling process can go on with it.

A note is written when a call has taken a step, behind its orders to the media worker and before the step's events are on their
way into the log (keep_notes says when). So whatever a peer or the log was told stands in a note, and events that are told a
second time are recognised by their ids.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec
from msgspec import Raw, Struct

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

FORM = 8
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


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Note)


def write(live: LiveCall, watch: Callable[[str], None]) -> bytes:
    """The call as it is now. What seldom changes is kept encoded; `watch` (leg id) is called when a leg's dialog has changed."""
    call, outbox = live.call, live.outbox
    invites: dict[str, InviteState] = {}
    callers: dict[str, Raw] = {}
    dialogs: dict[str, Raw] = {}
    places: dict[str, Place] = {}
    caller = None
    if live.caller is not None:
        if live.caller.dialog is not None:
            _keep_dialog(live, call.customer_leg, live.caller.dialog, dialogs, watch)
        elif isinstance(live.caller, CallerLeg):
            caller = _offered(live, live.caller)
    for leg_id, phone in live.phones.items():
        if phone.place is not None:
            places[leg_id] = phone.place
        if phone.dialog is not None:
            _keep_dialog(live, leg_id, phone.dialog, dialogs, watch)
            continue
        if phone.calling is not None and (invite := invite_state.export(phone.calling)) is not None:
            invites[leg_id] = invite
        if isinstance(phone, CallerLeg) and (unanswered := _caller(phone)) is not None:
            callers[leg_id] = unanswered
    # In the order of Note's fields: a tuple, because what is encoded already has another type here than when it is read.
    return _encode(
        (
            FORM,
            call,
            dialogs,
            invites,
            caller,
            live.prepared,
            places,
            outbox.version,
            [(new.id, new.event.TYPE, new.time, encode_body(new.event), new.causation_id) for new in outbox.waiting],
            live.wavs,
            live.arrived_seq,
            live.seen_seq,
            live.seen_media,
            callers,
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


def _keep_dialog(live: LiveCall, leg_id: str, dialog: Dialog, into: dict[str, Raw], watch: Callable[[str], None]) -> None:
    if dialog.is_over:
        return
    kept = live.dialogs.get(leg_id)
    if kept is None:
        kept = live.dialogs[leg_id] = Raw(_encode(dialog.export()))
        dialog.on_changed = partial(watch, leg_id)
    into[leg_id] = kept


def _offered(live: LiveCall, leg: CallerLeg) -> Raw | None:
    """As `_caller`; a caller's INVITE is noted again at each step until it is answered."""
    if not offered_state.can_be_kept(leg.incoming):
        return None
    local = leg.session.local
    if live.offered is None or live.offered[0] is not local:
        live.offered = (local, _encoded(leg))
    return live.offered[1]


def _caller(leg: CallerLeg) -> Raw | None:
    return _encoded(leg) if offered_state.can_be_kept(leg.incoming) else None


def _encoded(leg: CallerLeg) -> Raw:
    return Raw(_encode((offered_state.export(leg.incoming), leg.session.local.to_bytes())))
