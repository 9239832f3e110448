"""Leaves a note of each call after each step, for the next signalling process (see note)."""

from collections.abc import Callable
from functools import partial

import structlog

from callstream_media_gateway.adapters.note_file import NoteFile
from callstream_media_gateway.app import note
from callstream_media_gateway.app.live_call import LiveCall

log = structlog.get_logger(__name__)


class KeepNotes:
    """A disk that refuses is logged: calls matter more.

    `flush` sends what the media worker was told, because a note speaks of orders that have left. False: they cannot leave
    yet, and the note of a former process stands until they can.
    """

    def __init__(self, flush: Callable[[], bool], file: NoteFile) -> None:
        self._flush, self._file = flush, file

    def noted(self, live: LiveCall) -> None:
        """Also whenever the session or the address of one of its peers has changed."""
        if not self._flush():
            return
        for leg_id, dialog in note.dialogs(live):
            if leg_id not in live.states:
                dialog.on_changed = partial(self._changed, live, leg_id)
        try:
            self._file.put(live.call.call_id, note.write(live))
        except Exception:
            log.exception("no note of a call", call_id=live.call.call_id)

    def _changed(self, live: LiveCall, leg_id: str) -> None:
        live.states.pop(leg_id, None)
        self.noted(live)

    def forgotten(self, call_id: str) -> None:
        """Nothing more will come of the call."""
        try:
            self._file.forget(call_id)
        except OSError:
            log.exception("the note of a call that is over stays", call_id=call_id)
