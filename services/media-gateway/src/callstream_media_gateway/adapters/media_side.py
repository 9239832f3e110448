"""Commands to the media worker without waiting for them: they leave in order, and only failures are told."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from callstream_media_gateway import metrics
from callstream_media_gateway.media.client import MediaClient, MediaUnavailableError
from callstream_media_gateway.media.protocol import LegCreated, Reply, Snapshot
from callstream_media_gateway.media.worker_commands import AnyCommand, CreateLeg
from callstream_media_gateway.media.worker_events import AnyEvent

OnEvent = Callable[[AnyEvent], None]
OnSnapshot = Callable[[Snapshot], Awaitable[None]]

log = structlog.get_logger(__name__)


class MediaSide:
    """The media worker, as the app layer uses it. What is told before `connect` has returned leaves then."""

    client: MediaClient

    def __init__(self) -> None:
        self._attached = False
        self._early: list[tuple[AnyCommand, Callable[[Reply | None], None]]] = []
        self.draining = False
        """The worker is about to leave: it takes no new legs."""
        self.before_acknowledging: Callable[[], None] = lambda: None
        """As of MediaClient; set before `connect`."""

    async def connect(self, path: Path, on_event: OnEvent, on_snapshot: OnSnapshot) -> None:
        """Wait for the worker as long as it takes."""
        while True:
            try:
                self.client = await MediaClient.connect(str(path), on_event, on_snapshot)
            except MediaUnavailableError as error:
                log.warning("waiting for the media worker", error=str(error))
            else:
                break
        self._attached, self.client.before_acknowledging = True, self.before_acknowledging
        for command, done in self._early:
            self.client.post(command, done)
        self._early.clear()

    async def close(self) -> None:
        """Leave; the worker goes on with its calls."""
        if self._attached:
            await self.client.close()

    async def check(self) -> str:
        """For /readyz."""
        return "" if self._attached and self.ready else "not connected, or draining"

    @property
    def connected(self) -> bool:
        """Whether commands reach the worker now, or as soon as `connect` has returned."""
        return not self._attached or self.client.connected

    @property
    def ready(self) -> bool:
        """Whether it is connected and takes new legs."""
        return self._attached and self.client.connected and self.client.snapshot is not None and not self.draining

    @property
    def rtp_host(self) -> str:
        """The address of all RTP sockets."""
        return self.client.snapshot.rtp_host if self.client.snapshot is not None else ""

    @property
    def fingerprint(self) -> str:
        """Of the certificate that the worker shows to browsers; it changes with the worker."""
        return self.client.snapshot.fingerprint if self.client.snapshot is not None else ""

    def tell(self, command: AnyCommand, failed: Callable[[str], None] | None = None) -> None:
        """Send a command; `failed` (why) is called when it was refused or not answered in time."""

        def done(reply: Reply | None) -> None:
            if reply is None or reply.refusal is not None:
                why = self._report(command, reply)
                if failed is not None:
                    failed(why)

        self._post(command, done)

    def flush(self) -> bool:
        """Send now what was told in this turn of the loop. False before `connect` has returned: it leaves then."""
        if self._attached:
            self.client.flush()
        return self._attached

    def open_leg(
        self, command: CreateLeg, opened: Callable[[int], None], settled: Callable[[str], None], *, known: bool = False
    ) -> None:
        """Open a leg. `opened` is called with its RTP port: at once when the worker has bound one ahead, and `settled` later,
        with why the worker refused it all the same, or with "". known: the worker may have the leg, with a port of its own.
        """
        port = self.client.ports.take() if self.ready and command.ice is None and not known else None

        def done(reply: Reply | None) -> None:
            why = "" if reply is not None and reply.refusal is None else self._report(command, reply)
            settled(why)
            if reply is not None and isinstance(reply.value, LegCreated):
                opened(reply.value.rtp_port)

        if port is None:
            self._post(command, done)
        else:
            self._post(msgspec.structs.replace(command, port=port), done)
            opened(port)

    def _post(self, command: AnyCommand, done: Callable[[Reply | None], None]) -> None:
        if self._attached:
            self.client.post(command, done)
        else:
            self._early.append((command, done))

    @staticmethod
    def _report(command: AnyCommand, reply: Reply | None) -> str:
        name = type(command).__name__
        why = f"{reply.refusal}: {reply.detail}" if reply is not None else "the media worker did not answer in time"
        metrics.media_failures.labels(name).inc()
        log.warning("media command failed", command=name, leg_id=getattr(command, "leg_id", ""), error=why)
        return why
