from nats.aio.client import Client

from callstream.runtime.jetstream_store import JetStreamStore
from callstream.testing.bench_store import append_ratio, subscribe_rate

from .nats_server import Server


async def test_the_benchmark_does_what_it_counts(server: Server, nc: Client) -> None:
    rates = await append_ratio(server.url, events=600, rounds=2)
    assert rates.ratio > 0
    assert await JetStreamStore(nc, "x").last_seq() == 2 * 2 * 600
    rate = await subscribe_rate(server.url, events=2400)
    assert rate.events == 2 * 600, "the raw ones are no events"
