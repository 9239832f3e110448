"""Timers against the plainest thing that keeps the same promises: a dictionary that is searched through."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callstream.kernel.timers import Timers

T0 = datetime(2026, 1, 1, tzinfo=UTC)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcdef"), st.integers(0, 50)),
        st.tuples(st.just("cancel"), st.sampled_from("abcdef"), st.just(0)),
        st.tuples(st.just("due"), st.just(""), st.integers(0, 60)),
    ),
    max_size=300,
)


@given(steps)
def test_timers_are_due_once_their_moment_has_come_until_they_are_cancelled(steps: list[tuple[str, str, int]]) -> None:
    timers: Timers[str] = Timers()
    plain: dict[str, datetime] = {}
    for verb, key, seconds in steps:
        moment = T0 + timedelta(seconds=seconds)
        if verb == "set":
            timers.set(key, moment)
            plain[key] = moment
        elif verb == "cancel":
            timers.cancel(key)
            plain.pop(key, None)
        else:
            due = timers.due(moment)
            assert sorted(due) == sorted(key for key, at in plain.items() if at <= moment)
            assert [plain[key] for key in due] == sorted(plain[key] for key in due)
        assert timers.next_due() == min(plain.values(), default=None)
        assert len(timers) == len(plain)
        assert all(timers.due_of(key) == plain.get(key) for key in "abcdef")


def test_a_timer_that_is_set_again_at_the_same_moment_is_due_once() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", T0)
    timers.set("a", T0)
    assert timers.due(T0) == timers.due(T0) == ["a"]


def test_what_was_cancelled_does_not_stay_in_memory() -> None:
    timers: Timers[int] = Timers()
    for number in range(10_000):
        timers.set(number, T0 + timedelta(seconds=number))
        timers.cancel(number)
    assert len(timers._heap) <= 65


def test_a_moment_that_is_set_again_and_again_does_not_stay_in_memory() -> None:
    timers: Timers[str] = Timers()
    for _ in range(10_000):
        timers.set("same", T0)
        timers.set("anew", T0 + timedelta(seconds=1))
        timers.cancel("anew")
    timers.set("anew", T0 + timedelta(seconds=1))
    assert len(timers._heap) <= 65
    assert timers.due(T0 + timedelta(seconds=1)) == ["same", "anew"]
