"""A call's way into the log, on the store in memory."""

from datetime import UTC, datetime

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.envelope import Event, NewEvent
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.event_store import Append, StoreRefused
from callstream.runtime.memory_store import MemoryStore
from callstream_media_gateway.adapters import outbox as module
from callstream_media_gateway.adapters.outbox import LogHealth, Outbox

NOW = datetime(2026, 5, 4, tzinfo=UTC)


class Rig:
    def __init__(self) -> None:
        self.store = MemoryStore("media-gateway")
        self.health = LogHealth(lambda: True)
        self.stored: list[int] = []
        self.conflicts = 0
        self.outbox = Outbox(self.store, self.health, SystemClock(), "acme", "c1", self.stored.append, self._conflict)

    def _conflict(self) -> None:
        self.conflicts += 1

    async def names(self) -> list[str]:
        return [recorded.event.NAME for recorded in await self.store.read("acme", "call", "c1")]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    return Rig()


def new(event_id: str, event: Event) -> NewEvent:
    return NewEvent(id=event_id, tenant="acme", aggregate_id="c1", time=NOW, event=event)


def key(number: int) -> NewEvent:
    return new(f"c1-{number}", call.DigitReceived(digit=str(number), leg_id="l"))


async def test_events_are_stored_one_after_the_other_and_told(rig: Rig) -> None:
    for number in (1, 2, 3):
        rig.outbox.put(key(number))
    assert [event.id for event in rig.outbox.waiting] == ["c1-1", "c1-2", "c1-3"]
    await rig.outbox.settled()
    assert [recorded.id for recorded in await rig.store.read("acme", "call", "c1")] == ["c1-1", "c1-2", "c1-3"]
    assert len(rig.stored) == 3
    assert (rig.stored, rig.outbox.version) == (sorted(rig.stored), rig.stored[-1])
    assert rig.outbox.empty
    assert rig.health.waiting == 0


async def test_what_the_log_cannot_take_now_is_kept_and_sent_again(rig: Rig) -> None:
    rig.store.available = False
    rig.outbox.put(key(1))
    rig.outbox.put(key(2))
    while rig.health.answered:
        await module.asyncio.sleep(0)
    assert rig.health.waiting == 2
    assert not rig.health.available
    rig.store.available = True
    await rig.outbox.settled()
    assert await rig.names() == ["digit-received", "digit-received"]
    assert rig.health.available


async def test_who_was_superseded_is_told_once_and_writes_no_more(rig: Rig) -> None:
    ended = call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM)
    await rig.store.append("call", "c1", "acme", (new("other", ended),), 0)
    rig.outbox.put(key(1))
    rig.outbox.put(key(2))
    await rig.outbox.settled()
    rig.outbox.put(key(3))
    assert (rig.conflicts, rig.stored, rig.outbox.empty, rig.health.waiting) == (1, [], True, 0)
    assert await rig.names() == ["ended"]


async def test_an_event_that_the_log_refuses_stops_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    append_now = rig.store.append_now

    def refusing(appends: list[Append]) -> int:
        if appends[0].events[0].id == "c1-1":
            raise StoreRefused("too large")
        return append_now(appends)

    monkeypatch.setattr(rig.store, "append_now", refusing)
    rig.outbox.put(key(1))
    rig.outbox.put(key(2))
    await rig.outbox.settled()
    assert [recorded.id for recorded in await rig.store.read("acme", "call", "c1")] == ["c1-2"]
    assert rig.health.waiting == 0


async def test_a_listener_that_fails_does_not_stop_the_others_events(rig: Rig) -> None:
    def fails(_: int) -> None:
        raise ValueError("a bug")

    outbox = Outbox(rig.store, rig.health, SystemClock(), "acme", "c1", fails, fails)  # type: ignore[arg-type]
    loop = module.asyncio.get_running_loop()
    problems: list[object] = []
    loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))
    outbox.put(key(1))
    outbox.put(key(2))
    await outbox.settled()
    assert await rig.names() == ["digit-received", "digit-received"]
    assert len(problems) == 2


async def test_it_goes_on_where_another_process_stopped(rig: Rig) -> None:
    rig.outbox.put(key(1))
    await rig.outbox.settled()
    later = Outbox(rig.store, rig.health, SystemClock(), "acme", "c1", rig.stored.append, rig._conflict)
    later.resume(0, [key(1), key(2)])  # the first one's acknowledgement was lost with the process
    later.hurry()
    await later.settled()
    assert [recorded.id for recorded in await rig.store.read("acme", "call", "c1")] == ["c1-1", "c1-2"]
    assert rig.conflicts == 0
