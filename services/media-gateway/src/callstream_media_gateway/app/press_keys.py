"""Presses keys towards the far end of a leg (F030): as telephone-events where they were agreed, by INFO elsewhere."""

import asyncio
import uuid

import structlog

from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.media import worker_commands, worker_events
from callstream_media_gateway.sip.dialog import Dialog

DURATION_MS, GAP_MS = 100, 70
"""ITU-T Q.24 wants 40 ms of each at least; voice menus are slower."""

log = structlog.get_logger(__name__)


class PressKeys:
    """Give `sent` to the media events."""

    def __init__(self, media: MediaSide) -> None:
        self._media = media
        self._wanted: dict[str, int] = {}
        """Keys of each order that the worker has not reported yet."""
        self._by_info: set[asyncio.Task[None]] = set()

    def press(self, live: LiveCall, effect: do.SendDigits) -> None:
        """A leg that is gone meanwhile gets nothing, which is logged."""
        leg_id = effect.leg_id
        leg = live.phones.get(leg_id) or (live.caller if leg_id == live.call.customer_leg else None)
        stream = leg.session.stream if leg is not None else None
        if leg is None or stream is None or leg.dialog is None:
            log.warning("keys not sent", leg_id=leg_id, why="the leg is not answered")
        elif stream.event_type is not None:
            send_id = f"{leg_id}-{uuid.uuid4().hex}"
            self._wanted[send_id] = len(effect.digits)

            def failed(_: str) -> None:
                self._wanted.pop(send_id, None)

            self._media.tell(worker_commands.SendDigits(leg_id, send_id, effect.digits, DURATION_MS, GAP_MS), failed)
        else:
            task = asyncio.create_task(self._inform(leg.dialog, leg_id, effect.digits))
            self._by_info.add(task)
            task.add_done_callback(self._by_info.discard)

    def sent(self, event: worker_events.DigitsSent) -> None:
        """The worker is through with an order, of this process or of a former one."""
        wanted = self._wanted.pop(event.send_id, event.count)
        if event.count < wanted:
            log.warning("keys not sent", leg_id=event.leg_id, why="the leg ended or was held", sent=event.count, of=wanted)

    async def _inform(self, dialog: Dialog, leg_id: str, digits: str) -> None:
        """One INFO after the other: each waits for the answer to the one before, so that they arrive in order."""
        for number, digit in enumerate(digits):
            code = await dialog.send_digit(digit, DURATION_MS)
            if not 200 <= code < 300:
                log.warning("keys not sent", leg_id=leg_id, why=f"INFO answered {code}", sent=number, of=len(digits))
                return
            await asyncio.sleep((DURATION_MS + GAP_MS) / 1000)
