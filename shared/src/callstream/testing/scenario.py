"""Stories as tables, told in virtual time: rows of what happens, and rows of what must follow from it.

    story = Scenario(state.evolve, react=lambda now: decide(state, now), next_due=state.timers.next_due)
    story.play([at(0, "7001", AgentSignedIn(terminal="desk-phone", actor="7001")),
                at(5, "7001", OfferMade(...))], until=60)
    story.expect([(0, "7001", AgentStateChanged, {"state": AgentState.IDLE}),
                  (35, "7001", AgentStateChanged, {"state": AgentState.BREAK, "cause": "ring-timeout"})])

No process, no broker, no sleep: an hour passes in a millisecond. For a single decision there is `given`:

    given(state.evolve, [at(0, "7001", signed_in)]).when(lambda: sign_out(state, command, now)).then(AgentSignedOut(actor="a"))
    given(state.evolve, []).when(lambda: ...).refused(Reason.UNKNOWN_AGENT, field="agent_id")
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.kernel.clock import ManualClock
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET_AFTER = 1000
"""Reactions at one moment after which the core is taken to go round in circles."""

Expected = tuple[float, str, type[Event], Mapping[str, Any]]
"""(seconds, aggregate id, event type, the fields that matter)"""


class Row(NamedTuple):
    """At `seconds`, `fact` happens to `aggregate_id`."""

    seconds: float
    aggregate_id: str
    fact: Event
    tenant: str = "acme"
    correlation_id: str = ""


def at(seconds: float, aggregate_id: str, fact: Event, *, tenant: str = "acme", correlation_id: str = "") -> Row:
    """One row of a story."""
    return Row(seconds, aggregate_id, fact, tenant, correlation_id)


class Log:
    """A log in memory whose events are handed to `evolve` as they are written."""

    def __init__(self, evolve: Callable[[Recorded], None], clock: ManualClock) -> None:
        self.recorded: list[Recorded] = []
        self._evolve, self._clock = evolve, clock

    def write(self, row: Row, event_id: str = "", causation_id: str = "") -> Recorded:
        """Record a fact at the present moment and fold it."""
        seq = len(self.recorded) + 1
        recorded = Recorded(
            seq=seq,
            id=event_id or f"event-{seq}",
            tenant=row.tenant,
            aggregate=row.fact.AGGREGATE,
            aggregate_id=row.aggregate_id,
            time=self._clock.now(),
            event=row.fact,
            correlation_id=row.correlation_id,
            causation_id=causation_id,
        )
        self.recorded.append(recorded)
        self._evolve(recorded)
        return recorded


class Scenario:
    """Plays rows to a core in virtual time and keeps what the core answered."""

    def __init__(
        self,
        evolve: Callable[[Recorded], None],
        *,
        react: Callable[[datetime], Iterable[NewEvent]] | None = None,
        next_due: Callable[[], datetime | None] | None = None,
        start: datetime = START,
    ) -> None:
        """`react` decides at a moment, on the state that `evolve` made; `next_due` is the state's next timer."""
        self.clock = ManualClock(start)
        self.start = start
        self.log = Log(evolve, self.clock)
        self.answers: list[Recorded] = []
        """What the core appended, in order."""
        self._react, self._next_due = react, next_due

    def play(self, rows: Sequence[Row], *, until: float | None = None) -> "Scenario":
        """Let the rows happen at their times, with everything that timers and reactions bring; go on to `until` seconds."""
        for row in rows:
            self._move_to(row.seconds)
            self.log.write(row)
            self._settle()
        if until is not None:
            self._move_to(until)
        return self

    def expect(self, rows: Sequence[Expected]) -> None:
        """The core must have appended exactly these; of each only the fields named are compared. Raises AssertionError."""
        told = [self._told(recorded) for recorded in self.answers]
        for i, (seconds, aggregate_id, kind, fields) in enumerate(rows):
            wanted = f"at {seconds:g} s {aggregate_id}: {kind.__name__} {dict(fields)}"
            if i >= len(self.answers):
                raise AssertionError(_story(told, f"row {i + 1} is missing: {wanted}"))
            recorded = self.answers[i]
            same_place = (self._seconds(recorded), recorded.aggregate_id, type(recorded.event)) == (seconds, aggregate_id, kind)
            if not same_place or any(getattr(recorded.event, name) != value for name, value in fields.items()):
                raise AssertionError(_story(told, f"row {i + 1} should be: {wanted}"))
        if len(self.answers) > len(rows):
            raise AssertionError(_story(told, f"row {len(rows) + 1} was not expected"))

    def _move_to(self, seconds: float) -> None:
        """Go to a moment, stopping at each timer that is due on the way."""
        goal = self.start + timedelta(seconds=seconds)
        while self._next_due is not None and (due := self._next_due()) is not None and due <= goal:
            before = (len(self.log.recorded), due)
            self.clock.set(max(due, self.clock.now()))
            self._settle()
            if (len(self.log.recorded), self._next_due()) == before:
                raise AssertionError(f"the timer due at {self._offset(due):g} s does nothing when it is due")
        self.clock.set(max(goal, self.clock.now()))

    def _settle(self) -> None:
        for _ in range(QUIET_AFTER):
            decided = list(self._react(self.clock.now())) if self._react is not None else []
            if not decided:
                return
            for new in decided:
                row = Row(0, new.aggregate_id, new.event, new.tenant, new.correlation_id)
                self.answers.append(self.log.write(row, new.id, new.causation_id))
        raise AssertionError("the core does not come to rest")

    def _told(self, recorded: Recorded) -> str:
        return f"at {self._seconds(recorded):g} s {recorded.aggregate_id}: {recorded.event!r}"

    def _seconds(self, recorded: Recorded) -> float:
        return self._offset(recorded.time)

    def _offset(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds()


def _story(told: Sequence[str], fault: str) -> str:
    return "\n".join([fault, "the core appended:", *[f"  {i + 1}. {line}" for i, line in enumerate(told)]])


class Given:
    """A state made by events."""

    def __init__(self, evolve: Callable[[Recorded], None], rows: Sequence[Row]) -> None:
        clock = ManualClock(START)
        log = Log(evolve, clock)
        for row in rows:
            clock.set(START + timedelta(seconds=row.seconds))
            log.write(row)

    def when(self, decide: Callable[[], Iterable[NewEvent | Event]]) -> "When":
        """Take a decision on it."""
        try:
            return When([new.event if isinstance(new, NewEvent) else new for new in decide()], None)
        except Refusal as refusal:
            return When([], refusal)


class When:
    """A decision that was taken."""

    def __init__(self, events: list[Event], refusal: Refusal | None) -> None:
        self.events, self.refusal = events, refusal

    def then(self, *wanted: Event) -> None:
        """It must have brought exactly these events."""
        if self.refusal is not None:
            raise AssertionError(f"refused with {self.refusal.reason}: {self.refusal.message}")
        if self.events != list(wanted):
            raise AssertionError(f"decided {self.events}\nwanted  {list(wanted)}")

    def refused(self, reason: Reason, field: str | None = None) -> None:
        """It must have been refused so."""
        if self.refusal is None:
            raise AssertionError(f"should be refused with {reason}, decided {self.events}")
        if self.refusal.reason != reason or (field is not None and self.refusal.field != field):
            raise AssertionError(f"refused with {self.refusal.reason} at {self.refusal.field!r}, should be {reason} at {field!r}")


def given(evolve: Callable[[Recorded], None], rows: Sequence[Row]) -> Given:
    """See the module's docstring."""
    return Given(evolve, rows)
