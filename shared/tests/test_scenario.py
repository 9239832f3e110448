"""The story helpers, tried on a core as small as can be: a lamp that goes out by itself."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from callstream.contracts.agent_events import AgentSignedIn, AgentSignedOut
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.kernel.timers import Timers
from callstream.testing.scenario import Scenario, at, given

ON = AgentSignedIn(terminal="x", actor="a")


class Lamp:
    def __init__(self) -> None:
        self.on: set[str] = set()
        self.timers: Timers[str] = Timers()

    def evolve(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, AgentSignedIn):
            self.on.add(recorded.aggregate_id)
            self.timers.set(recorded.aggregate_id, recorded.time + timedelta(seconds=30))
        else:
            self.on.discard(recorded.aggregate_id)
            self.timers.cancel(recorded.aggregate_id)

    def react(self, now: datetime) -> Iterable[NewEvent]:
        for lamp in self.timers.due(now):
            yield NewEvent(id=f"off-{lamp}", tenant="acme", aggregate_id=lamp, time=now, event=AgentSignedOut(actor="system"))

    def switch_off(self, lamp: str) -> list[AgentSignedOut]:
        if lamp not in self.on:
            raise Refusal(Reason.ILLEGAL_STATE, "it is dark", "lamp")
        return [AgentSignedOut(actor="me")]


def play(until: float = 100) -> Scenario:
    lamp = Lamp()
    story = Scenario(lamp.evolve, react=lamp.react, next_due=lamp.timers.next_due)
    return story.play([at(0, "hall", ON), at(10, "cellar", ON), at(20, "hall", AgentSignedOut(actor="me"))], until=until)


def test_timers_run_in_virtual_time() -> None:
    play().expect([(40, "cellar", AgentSignedOut, {"actor": "system"})])
    play(until=39).expect([])


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "row 1 was not expected"),
        ([(41, "cellar", AgentSignedOut, {})], "row 1 should be"),
        ([(40, "hall", AgentSignedOut, {})], "row 1 should be"),
        ([(40, "cellar", AgentSignedIn, {})], "row 1 should be"),
        ([(40, "cellar", AgentSignedOut, {"actor": "me"})], "row 1 should be"),
        ([(40, "cellar", AgentSignedOut, {}), (50, "hall", AgentSignedOut, {})], "row 2 is missing"),
    ],
)
def test_a_story_that_differs_is_told_with_its_row(rows: list, fault: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(AssertionError, match=fault) as told:
        play().expect(rows)
    assert "at 40 s cellar" in str(told.value)


def test_a_timer_that_does_nothing_is_a_fault_and_not_an_endless_loop() -> None:
    lamp = Lamp()
    with pytest.raises(AssertionError, match="30 s does nothing"):
        Scenario(lamp.evolve, next_due=lamp.timers.next_due).play([at(0, "hall", ON)], until=60)


def test_given_when_then() -> None:
    lamp = Lamp()
    given(lamp.evolve, [at(0, "hall", ON)]).when(lambda: lamp.switch_off("hall")).then(AgentSignedOut(actor="me"))
    dark = given(lamp.evolve, []).when(lambda: lamp.switch_off("cellar"))
    dark.refused(Reason.ILLEGAL_STATE, field="lamp")
    with pytest.raises(AssertionError, match="it is dark"):
        dark.then()
    with pytest.raises(AssertionError, match="should be unknown-call"):
        dark.refused(Reason.UNKNOWN_CALL)
