"""Commands to the media worker without waiting for them: they leave in order, and only failures are told."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from callstream_media_gateway import metrics
from callstream_media_gateway.media.client import MediaClient, MediaRefusedError, MediaUnavailableError
from callstream_media_gateway.media.protocol import AnyCommand, AnyEvent, CreateLeg, Snapshot

OnEvent = Callable[[AnyEvent], Awaitable[None]]
OnSnapshot = Callable[[Snapshot], Awaitable[None]]

log = structlog.get_logger(__name__)


class MediaSide:
    """The media worker, as the app layer uses it. What is told before `connect` has returned leaves then."""

    client: MediaClient

    def __init__(self) -> None:
        self._attached = asyncio.Event()
        self.draining = False
        """The worker is about to leave: it takes no new legs."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, path: Path, on_event: OnEvent, on_snapshot: OnSnapshot) -> None:
        """Wait for the worker as long as it takes."""
        while True:
            try:
                self.client = await MediaClient.connect(str(path), on_event, on_snapshot)
            except MediaUnavailableError as error:
                log.warning("waiting for the media worker", error=str(error))
            else:
                self._attached.set()
                return

    async def close(self) -> None:
        """Leave; the worker goes on with its calls."""
        for task in list(self._tasks):
            task.cancel()
        if self._attached.is_set():
            await self.client.close()

    async def check(self) -> str:
        """For /readyz."""
        return "" if self._attached.is_set() and self.ready else "not connected, or draining"

    @property
    def connected(self) -> bool:
        """Whether commands reach the worker now."""
        return self.client.connected

    @property
    def ready(self) -> bool:
        """Whether it is connected and takes new legs."""
        return self.client.connected and self.client.snapshot is not None and not self.draining

    @property
    def rtp_host(self) -> str:
        """The address of all RTP sockets."""
        return self.client.snapshot.rtp_host if self.client.snapshot is not None else ""

    def tell(self, command: AnyCommand, failed: Callable[[str], None] | None = None) -> None:
        """Send a command; `failed` (why) is called when it was refused or not answered in time."""
        self._start(self._tell(command, failed))

    def open_leg(self, command: CreateLeg, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Open a leg: `opened` (RTP port) or `failed` (why) is called."""
        self._start(self._open(command, opened, failed))

    async def _tell(self, command: AnyCommand, failed: Callable[[str], None] | None) -> None:
        try:
            await self._attached.wait()
            await self.client.request(command)
        except (MediaRefusedError, MediaUnavailableError) as error:
            self._report(command, error)
            if failed is not None:
                failed(str(error))

    async def _open(self, command: CreateLeg, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        try:
            port = await self.client.create_leg(command)
        except (MediaRefusedError, MediaUnavailableError) as error:
            self._report(command, error)
            failed(str(error))
        else:
            opened(port)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _report(command: AnyCommand, error: Exception) -> None:
        name = type(command).__name__
        metrics.media_failures.labels(name).inc()
        log.warning("media command failed", command=name, leg_id=getattr(command, "leg_id", ""), error=str(error))
