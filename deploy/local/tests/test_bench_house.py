"""The load generator against the real system: a few calls, each of them answered, and found in the records."""

from callstream.contracts.queue_events import OfferMade
from callstream.contracts.subjects import events_of
from callstream_local.bench.crowd_orders import KeepWaiting, PlaceCalls
from callstream_local.bench.house import House


async def test_the_crowd_calls_and_answers() -> None:
    async with House(4, talk_s=0.05, durability="fast") as house:
        await house.open()
        before = await house.log_position()
        steady = await house.crowd.ask(PlaceCalls(rate=8, seconds=0.5))
        assert steady.clean
        assert (steady.placed, steady.completed, len(steady.whole_ms), len(steady.rang)) == (4, 4, 4, 4)
        assert steady.cpu_s > 0
        waiting = await house.crowd.ask(KeepWaiting(callers=6, seconds=1.0))
        assert waiting.clean
        assert waiting.completed >= 6
        assert await house.answered_records(4 + waiting.completed) == 4 + waiting.completed
        offers = await house.read_log((events_of("queue", OfferMade.NAME),), before)
        assert len(offers) == len(steady.rang) + len(waiting.rang)
