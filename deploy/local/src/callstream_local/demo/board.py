"""What goes on now, folded from the event log: calls by phase, agents by state, how many events."""

from collections import Counter

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.envelope import Recorded
from callstream.contracts.outcome import CallSummary, call_of, fold

PHASES = ("in the menu", "waiting", "ringing", "talking")


class Board:
    """Feed it the log's batches; read it whenever the screen wants."""

    def __init__(self) -> None:
        self.events = 0
        self.agents: dict[str, str] = {}
        self._calls: dict[str, CallSummary | None] = {}

    def take(self, batch: list[Recorded]) -> None:
        """The next events of the log."""
        self.events += len(batch)
        for recorded in batch:
            if isinstance(recorded.event, AgentStateChanged):
                self.agents[recorded.aggregate_id] = recorded.event.state
            elif call_id := call_of(recorded):
                self._calls[call_id] = fold(self._calls.get(call_id), recorded)

    def calls(self) -> Counter[str]:
        """How many calls are in each phase, or have ended with each outcome."""
        return Counter(_phase(summary) for summary in self._calls.values() if summary is not None)

    def states(self) -> Counter[str]:
        """How many agents are in each state."""
        return Counter(self.agents.values())


def _phase(summary: CallSummary) -> str:
    if summary.outcome is not None:
        return summary.outcome
    if summary.agent_answered_at is not None:
        return "talking"
    if summary.request_id:
        return "ringing" if summary.open_offer else "waiting"
    return "in the menu"
