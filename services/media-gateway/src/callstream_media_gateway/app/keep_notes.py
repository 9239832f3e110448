"""Leaves notes of the calls for the next signalling process (see note).

A step of a call marks it; all marked calls are noted together at the end of the loop's turn, or sooner: before anything leaves
for the broker, and before the media worker hears that one of its events is dealt with. So what came together costs one note,
and still nobody is told of what no note knows.
"""

import asyncio
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
        self._marked: dict[str, LiveCall] = {}

    def noted(self, live: LiveCall) -> None:
        """After each step, and whenever the session or the address of one of its peers has changed."""
        if not self._marked:
            asyncio.get_running_loop().call_soon(self.write)
        self._marked[live.call.call_id] = live

    def write(self) -> None:
        """Now, the notes of all calls that have changed."""
        if not self._marked:
            return
        marked, self._marked = self._marked, {}
        if not self._flush():
            return
        for call_id, live in marked.items():
            try:
                self._file.put(call_id, note.write(live, partial(self._changed, live)))
            except Exception:
                log.exception("no note of a call", call_id=call_id)

    def _changed(self, live: LiveCall, leg_id: str) -> None:
        live.dialogs.pop(leg_id, None)
        self.noted(live)

    def forgotten(self, call_id: str) -> None:
        """Nothing more will come of the call."""
        self._marked.pop(call_id, None)
        try:
            self._file.forget(call_id)
        except OSError:
            log.exception("the note of a call that is over stays", call_id=call_id)
