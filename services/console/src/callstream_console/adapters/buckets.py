"""The configuration buckets on JetStream."""

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from callstream_console.adapters.outbox import PublishFailed


class KvBuckets:
    """Puts values into key-value buckets, which the runtime declares."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._open: dict[str, KeyValue] = {}

    async def put(self, bucket: str, key: str, value: bytes | None) -> None:
        """Store or, with None, remove; raises PublishFailed."""
        try:
            if bucket not in self._open:
                self._open[bucket] = await self._jetstream.key_value(bucket)
            if value is None:
                await self._open[bucket].delete(key)
            else:
                await self._open[bucket].put(key, value)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise PublishFailed(f"{bucket}/{key}: {error!r}") from error
