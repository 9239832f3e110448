"""One active writer for each name (a service, or a partition of one), the others standing by.

The lease is a key of the bucket LEASES, renewed every RENEW_S at the revision that this instance wrote last. Whoever finds
it unchanged for TAKE_OVER_S writes itself at that revision: the broker lets one succeed. The holder counts itself out after
VALID_S without a renewal, earlier than anyone may take over. Only durations are compared, never two machines' clocks, and
the real fence is the expected version of every append: a holder that was frozen cannot harm even before it notices.

An instance that comes back under its own name takes its lease back at once, so a restart costs no TAKE_OVER_S. A delete
or expiry marker counts as absent. An absent lease is taken at once, unless it is meant for another (`yields`): then that one
has the first YIELD_S of this instance's life to come and take it.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callstream.contracts.subjects import LEASES_BUCKET, bucket_stream, bucket_subject
from callstream.runtime import metrics
from callstream.runtime.link import Link, NoAnswer
from callstream.runtime.tasks import end
from callstream.runtime.wire import parse_headers, status

RENEW_S = 0.3
VALID_S = 0.95
TAKE_OVER_S = 1.1
LOOK_S = 0.1
REQUEST_S = 0.5
YIELD_S = 3.0
TTL_S = 5
"""The key disappears by itself when nobody is left."""

log = structlog.get_logger(__name__)


class Holder(msgspec.Struct, frozen=True):
    """The key's value. `run` tells two lives of one instance name apart."""

    instance: str
    run: str


class Entry(msgspec.Struct, frozen=True):
    """The key as it stands: `holder` None when absent, deleted or expired."""

    revision: int
    holder: Holder | None


class Lease:
    """`await start()`; `held()` says at any moment whether this instance may write."""

    def __init__(self, nc: Client, name: str, instance: str, *, yields: bool = False) -> None:
        self.name = name
        self.known = asyncio.Event()
        """Set once it is clear who holds the lease."""
        self.holder = ""
        """Instance that held it when last looked at."""
        self.on_change: list[Callable[[], None]] = []
        """Called when this instance wins or loses it."""
        self._link = Link.of(nc)
        self._me = Holder(instance, nc._nuid.next().decode())
        self._subject = bucket_subject(LEASES_BUCKET, name)
        self._revision = 0
        self._valid_until = 0.0
        self._was_held = False
        self._ever_held = False
        self._seen = Entry(-1, None)
        self._seen_at = 0.0
        self._yields = yields
        self._yields_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._gauge = metrics.lease_held.labels(name)

    def held(self) -> bool:
        """Whether this instance is the active one now."""
        return time.monotonic() < self._valid_until

    async def start(self) -> None:
        """Begin to seek and keep the lease. Returns at once."""
        self._yields_until = time.monotonic() + YIELD_S if self._yields else 0.0
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give it back, so that a standby need not wait."""
        await end(self._task)
        held, self._valid_until = self.held(), 0.0
        if held and self._link.connected:
            try:
                await self._write(b"", self._revision, "KV-Operation: DEL\r\n")
            except (NoAnswer, NatsError, OSError) as error:
                log.info("lease not given back", lease=self.name, error=str(error))
        self._tell()

    async def _run(self) -> None:
        while True:
            try:
                if self._link.connected:
                    await (self._renew() if self.held() else self._seek())
            except (NoAnswer, NatsError, OSError, msgspec.MsgspecError) as error:
                log.info("lease not answered", lease=self.name, error=str(error))
            self._tell()
            await asyncio.sleep(RENEW_S if self.held() else LOOK_S)

    async def _renew(self) -> None:
        began = time.monotonic()
        if not await self._take(self._revision, began):
            log.warning("lease lost", lease=self.name)
            self._valid_until = 0.0

    async def _seek(self) -> None:
        entry = await self._read()
        now = time.monotonic()
        if entry.revision != self._seen.revision:
            self._seen, self._seen_at = entry, now
        holder = entry.holder
        mine_of_old = holder is not None and holder.instance == self._me.instance and not self._ever_held
        mine_now = holder == self._me
        silent = now - self._seen_at > TAKE_OVER_S
        if holder is None:
            if now >= self._yields_until:
                await self._take(entry.revision, now)
        elif mine_of_old or mine_now or silent:
            await self._take(entry.revision, now)
        else:
            self.holder = holder.instance
            self.known.set()

    async def _take(self, revision: int, began: float) -> bool:
        """Write this instance at `revision`; valid from the moment the request began."""
        answer = await self._write(msgspec.json.encode(self._me), revision, f"Nats-TTL: {TTL_S}s\r\n")
        if answer is None:
            return False
        self._revision, self._valid_until = answer, began + VALID_S
        self._ever_held, self.holder = True, self._me.instance
        self.known.set()
        return True

    async def _write(self, value: bytes, revision: int, line: str) -> int | None:
        """The new revision, or None when the key has moved on from `revision`."""
        headers = f"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: {revision}\r\n{line}\r\n".encode()
        payload, _ = await self._link.request(self._subject, value, REQUEST_S, headers)
        answer = msgspec.json.decode(payload, type=_Ack)
        if answer.error is None:
            return answer.seq
        if answer.error.err_code in (10071, 10164):
            return None
        raise NoAnswer(f"{answer.error.err_code}: {answer.error.description}")

    async def _read(self) -> Entry:
        payload, block = await self._link.request(
            f"$JS.API.DIRECT.GET.{bucket_stream(LEASES_BUCKET)}.{self._subject}", b"", REQUEST_S
        )
        if status(block) == 404:
            return Entry(0, None)
        headers = parse_headers(block)
        gone = "KV-Operation" in headers or "Nats-Marker-Reason" in headers or not payload
        return Entry(int(headers["Nats-Sequence"]), None if gone else msgspec.json.decode(payload, type=Holder))

    def _tell(self) -> None:
        held = self.held()
        if held == self._was_held:
            return
        self._was_held = held
        self._gauge.set(held)
        log.info("lease won" if held else "lease gone", lease=self.name)
        for action in self.on_change:
            action()


class _Error(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    error: _Error | None = None
