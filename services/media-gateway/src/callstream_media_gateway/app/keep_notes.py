"""Leaves a note of each call with the media worker after each step (see note)."""

from collections.abc import Callable
from functools import partial

import structlog

from callstream_media_gateway.adapters.dialog_file import DialogFile
from callstream_media_gateway.app import note
from callstream_media_gateway.app.live_call import LiveCall

log = structlog.get_logger(__name__)


class KeepNotes:
    """`keep` (call id, note) is the media worker's."""

    def __init__(self, keep: Callable[[str, bytes], None], file: DialogFile) -> None:
        self._keep, self._file = keep, file

    def noted(self, live: LiveCall) -> None:
        """Also whenever the session or the address of one of its peers has changed."""
        call_id, fresh = live.call.call_id, []
        for leg_id, dialog in note.dialogs(live):
            if leg_id not in live.states:
                dialog.on_changed = partial(self._changed, live, leg_id)
                fresh.append(leg_id)
        try:
            self._keep(call_id, note.write(live))
        except Exception:
            log.exception("no note of a call", call_id=call_id)
            return
        for leg_id in fresh:
            self._file.put(call_id, leg_id, live.states[leg_id])

    def _changed(self, live: LiveCall, leg_id: str) -> None:
        live.states.pop(leg_id, None)
        self.noted(live)

    def forgotten(self, call_id: str) -> None:
        """Nothing more will come of the call."""
        self._keep(call_id, b"")
        self._file.over(call_id)
