"""The timer heap, and the queues of timers that are never cancelled."""

from __future__ import annotations

import asyncio

import pytest

from callstream_media_gateway.sip.timers import Lingering, LoopTimers, Timers


class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_timers_fire_in_order_once_and_cancelled_ones_never() -> None:
    clock = Clock()
    timers = Timers(clock)
    fired: list[int] = []
    entries = [timers.after(delay, fired.append, delay) for delay in (3, 1, 2, 1)]
    timers.cancel(entries[2])
    timers.cancel(entries[2])
    timers.cancel(None)
    assert len(timers) == 3
    assert timers.run_due() == 1
    clock.now = 5
    assert timers.run_due() is None
    assert fired == [1, 1, 3]
    timers.cancel(entries[0])
    assert len(timers) == 0


def test_thousands_of_cancelled_timers_do_not_stay() -> None:
    timers = Timers(Clock())
    for _ in range(5000):
        timers.cancel(timers.after(32, print, None))
    kept = timers.after(1, print, None)
    assert len(timers) == 1
    assert len(timers._heap) <= 1002
    assert kept in timers._heap


def test_lingering_ones_go_together_and_not_early() -> None:
    clock = Clock()
    timers = Timers(clock)
    gone: list[tuple[int, str]] = []
    linger = Lingering(timers, 10)
    for second in range(5):
        clock.now = second
        linger.add(lambda subject, event: gone.append((subject, event)), second, "end")
    for moment, so_far in ((9.9, 0), (10, 1), (14, 5)):
        while (due := timers.run_due()) is not None and due <= moment:
            clock.now = due
        clock.now = moment
        timers.run_due()
        assert len(gone) == so_far
    assert gone[0] == (0, "end")
    assert len(timers) == 0


async def test_on_the_loop_an_earlier_timer_wakes_earlier_and_a_broken_callback_stops_no_other() -> None:
    loop = asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    timers, done = LoopTimers(loop), asyncio.Event()
    fired: list[str] = []
    timers.after(0.02, lambda _: done.set(), None)
    timers.after(0.01, lambda _: 1 / 0, None)
    timers.after(0.005, fired.append, "first")
    await asyncio.wait_for(done.wait(), 5)
    assert fired == ["first"]
    assert len(errors) == 1
    assert isinstance(errors[0], ZeroDivisionError)
    timers.after(0.0, fired.append, "never")
    timers.clear()
    await asyncio.sleep(0.01)
    assert fired == ["first"]


@pytest.mark.parametrize("count", [1, 300])
async def test_timers_started_by_timers_fire_too(count: int) -> None:
    timers, done = LoopTimers(asyncio.get_running_loop()), asyncio.Event()

    def again(left: int) -> None:
        if left:
            timers.after(0.0, again, left - 1)
        else:
            done.set()

    timers.after(0.0, again, count)
    await asyncio.wait_for(done.wait(), 5)
