"""Leaves a note of each call with the media worker after each step (see note)."""

from collections.abc import Callable
from functools import partial

import structlog

from callstream_media_gateway.app import note
from callstream_media_gateway.app.live_call import LiveCall

log = structlog.get_logger(__name__)


class KeepNotes:
    """`keep` (call id, note) is the media worker's."""

    def __init__(self, keep: Callable[[str, bytes], None]) -> None:
        self._keep = keep

    def noted(self, live: LiveCall) -> None:
        """Also whenever the session or the address of one of its peers has changed."""
        for leg_id, dialog in note.dialogs(live):
            if leg_id not in live.states:
                dialog.on_changed = partial(self._changed, live, leg_id)
        try:
            self._keep(live.call.call_id, note.write(live))
        except Exception:
            log.exception("no note of a call", call_id=live.call.call_id)

    def _changed(self, live: LiveCall, leg_id: str) -> None:
        live.states.pop(leg_id, None)
        self.noted(live)

    def forgotten(self, call_id: str) -> None:
        """Nothing more will come of the call."""
        self._keep(call_id, b"")
