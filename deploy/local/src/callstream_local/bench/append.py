"""What our append costs beside the bare client library, same server, same window, same run; and how fast the log is read."""

from typing import Any

from callstream.runtime.streams import declare
from callstream.testing import bench_store
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.scratch import data_folder
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.embedded.nats_permissions import OPERATOR

EVENTS = 10_000
ROUNDS = 3


async def measure(say: Say) -> dict[str, Any]:
    """Without waiting for the disk: the disk would hide what the code costs."""
    say(f"{EVENTS} events, {ROUNDS} rounds")
    with data_folder() as folder:
        async with EmbeddedNats(folder, durability="fast") as nats:
            operator = await nats.connect()
            await declare(operator)
            await operator.close()
            account = {"user": OPERATOR, "password": nats.password(OPERATOR)}
            rates = await bench_store.append_ratio(nats.address, **account, events=EVENTS, rounds=ROUNDS)
            say("reading them")
            read = await bench_store.subscribe_rate(nats.address, **account, events=EVENTS * ROUNDS)
    return {
        "append_ratio": round(rates.ratio, 2),
        "append_per_s": rounded(rates.append_per_s),
        "raw_publish_per_s": rounded(rates.raw_per_s),
        "subscribe_per_s": rounded(read.per_s),
    }
