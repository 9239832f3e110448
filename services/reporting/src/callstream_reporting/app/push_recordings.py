"""Push finished recordings to the tenants that want them (F203).

A loop beside the projection. Whatever it is killed in, what was not marked as sent is sent again; a dead address costs rows in
the queue and nothing else; with the database away it waits.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import asyncpg
import msgspec
import structlog

from callstream.kernel.clock import Clock
from callstream.kernel.errors import Refusal
from callstream.runtime.config_watch import Configuration
from callstream_reporting import metrics
from callstream_reporting.adapters.post import NotTaken
from callstream_reporting.adapters.pushes import Push, Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import Records
from callstream_reporting.domain.links import Link
from callstream_reporting.domain.push import Pushed, Sound, next_try, secret_of, signature

LINK_LIVES = timedelta(hours=1)
REST_S = 1.0
LONGEST_REST_S = 30.0
log = structlog.get_logger(__name__)

Posts = Callable[[str, bytes, dict[str, str]], Awaitable[None]]


class PushRecordings:
    """`run` until cancelled; `round` is one look at the queue."""

    def __init__(
        self,
        pushes: Pushes,
        records: Records,
        store: Store,
        configuration: Configuration,
        post: Posts,
        clock: Clock,
        public_url: str = "",
    ) -> None:
        """`public_url`: what comes before a link that is a path of our own API."""
        self._pushes, self._records, self._store, self._configuration = pushes, records, store, configuration
        self._post, self._clock, self._public_url = post, clock, public_url.rstrip("/")

    async def run(self) -> None:
        """See the class."""
        await self._configuration.ready.wait()
        rest = REST_S
        while True:
            try:
                busy = await self.round()
                rest = REST_S
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("recordings are not pushed", error=repr(error), retry_in_s=rest)
                busy, rest = False, min(rest * 2, LONGEST_REST_S)
            except Exception:
                log.exception("recordings are not pushed")
                busy = False
            if not busy:
                await asyncio.sleep(rest)

    async def round(self) -> bool:
        """Take in what is new, try what is due; whether there may be more at once."""
        now = self._clock.now()
        seen = await self._pushes.take_in(lambda tenant: self._url_of(tenant) is not None, now)
        due = await self._pushes.claim(now)
        await asyncio.gather(*(self._try(push) for push in due))
        for state, count in (await self._pushes.counts()).items():
            metrics.pushes_open.labels(state).set(count)
        return bool(seen or due)

    def _url_of(self, tenant: str) -> str | None:
        target = self._configuration.settings(tenant).recording_push
        return target.url if target is not None else None

    async def _try(self, push: Push) -> None:
        try:
            await self._send(push)
        except (NotTaken, Refusal) as error:
            now = self._clock.now()
            again_at = next_try(push.tries + 1, push.first_at, now)
            metrics.pushes.labels("failed" if again_at else "given-up").inc()
            log.warning("recording not taken", call_id=push.call_id, tenant=push.tenant, error=str(error), again_at=again_at)
            await self._pushes.failed(push, str(error), again_at)
        else:
            metrics.pushes.labels("sent").inc()
            await self._pushes.sent(push)

    async def _send(self, push: Push) -> None:
        url = self._url_of(push.tenant)
        if url is None:
            raise NotTaken("the tenant has no address for recordings now")
        body = await self._body(push)
        now = self._clock.now()
        signed = signature(secret_of(self._store.key, push.tenant), body, now)
        await self._post(url, body, {"Content-Type": "application/json", "Callstream-Signature": signed})

    async def _body(self, push: Push) -> bytes:
        event, record = await self._pushes.event(push), await self._records.get(push.tenant, push.call_id)
        if event is None or record is None:
            raise NotTaken("its record is being rebuilt")
        now = self._clock.now()
        expires_at = datetime.fromtimestamp(int((now + LINK_LIVES).timestamp()), now.tzinfo)
        given = Link(
            tenant=push.tenant,
            call_id=push.call_id,
            recording_id=push.recording_id,
            user="push",
            expires=int(expires_at.timestamp()),
        )
        link = await self._store.link(event.path, given, now)
        if link is None:
            raise NotTaken("the recording is neither in the directory nor in the bucket")
        pushed = Pushed(
            recording_id=push.recording_id,
            call_id=push.call_id,
            recording=Sound(format=event.format, duration_ms=event.duration_ms, size_bytes=event.size_bytes, sha256=event.sha256),
            url=self._public_url + link if link.startswith("/") else link,
            url_expires_at=expires_at,
            record=record,
        )
        return msgspec.json.encode(pushed)
