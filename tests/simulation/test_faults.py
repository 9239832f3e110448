"""routing and agent-state on a bad network, killed, frozen and cut off: whatever happens, the log tells a sound story.

Each history is one seed and repeats exactly. The seeds here are always the same; `make simulate-faults` runs as many new ones as
one likes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from callstream.contracts.commands import Reply
from callstream.contracts.envelope import Recorded
from callstream.contracts.queue_events import ContactLeft
from callstream.contracts.states import AgentState
from callstream.runtime.memory_store import MemoryStore
from callstream_agent_state.app import react as agent_react
from callstream_agent_state.domain import follow, reserve
from callstream_agent_state.domain.change import Change
from callstream_routing.app import offer as routing_offer
from callstream_routing.domain import callback, callback_due, settle
from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.memory import Memory
from callstream_routing.domain.request import Callback, Request

from .history import run_history
from .run import FAULT_RATE, quiet
from .world import WatchedLog

HISTORIES = 6
TRIES = 24
"""Seeds within which a planted fault is found; two writers meet at one version in one of seven histories."""

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> None:
    quiet()


@pytest.mark.feature("F048", "F050", "F125", "F131")
def test_random_histories_keep_every_rule() -> None:
    for seed in range(HISTORIES):
        told = run_history(seed, FAULT_RATE)
        print(f"seed {seed}: {told.events} events, {told.kills} kills")  # noqa: T201
        assert not told.broken, "\n".join((*told.tail, f"seed {seed}: {told.broken}"))


def test_a_seed_repeats_its_history() -> None:
    first, second = run_history(7, FAULT_RATE), run_history(7, FAULT_RATE)
    assert (first.log, first.events, first.kills) == (second.log, second.events, second.kills)
    assert run_history(8, FAULT_RATE).log != first.log


# Whether the judge sees anything: faults that are planted must be found.

Plant = Callable[[pytest.MonkeyPatch], None]


def _fence_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends are stored whatever version they expect."""
    real = MemoryStore.append_now

    def append(self: MemoryStore, appends: Any) -> int:
        return real(self, [type(each)(each.tenant, each.aggregate, each.aggregate_id, each.events, None) for each in appends])

    monkeypatch.setattr(MemoryStore, "append_now", append)


def _reserves_who_is_on_break(monkeypatch: pytest.MonkeyPatch) -> None:
    real = reserve.reserve

    def careless(agent: Any, *rest: Any) -> Change | None:
        if agent.state is not AgentState.BREAK:
            return real(agent, *rest)
        agent.state = AgentState.IDLE
        try:
            return real(agent, *rest)
        finally:
            agent.state = AgentState.BREAK

    monkeypatch.setattr(reserve, "reserve", careless)
    monkeypatch.setattr("callstream_routing.domain.seat.Seat.why_not", lambda seat: "")


def _wrap_up_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    real = follow.follow

    def forgetful(agent: Any, settings: Any, now: Any) -> Change | None:
        return None if agent.state is AgentState.WRAP_UP and not agent.facts else real(agent, settings, now)

    monkeypatch.setattr(agent_react, "follow", forgetful)


def _second_come_first_served(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Group.first

    def first(group: Group) -> Any:
        found = real(group)
        return (found[1].ready[1], found[1]) if found is not None and len(found[1].ready) > 1 else found

    monkeypatch.setattr(Group, "first", first)


def _a_request_slips_through(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Board.take_dirty

    def take(board: Board) -> list[Request]:
        return [request for request in real(board) if not request.id.endswith("7")]

    monkeypatch.setattr(Board, "take_dirty", take)


def _a_callback_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    real = callback.born

    def born(board: Board, recorded: Recorded, event: ContactLeft, of: Request) -> None:
        of.enqueued_at = recorded.time
        real(board, recorded, event, of)

    monkeypatch.setattr(callback, "born", born)


def _a_callback_rests_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    real = callback_due.due

    def due(board: Board, request: Request, back: Callback, now: datetime) -> Any:
        return None if back.failure is not None else real(board, request, back, now)

    monkeypatch.setattr(settle, "due", due)


def _memory_outside_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fold does depends on how often this process has folded: no replay gives it again."""
    calls = [0]

    def note(memory: Memory, agent_id: str, call_id: str) -> None:
        calls[0] += 1
        memory.answered.put(agent_id, str(calls[0]))

    monkeypatch.setattr(Memory, "note_offer", note)


def _reservation_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routing offers without waiting for agent-state's word."""

    async def at_once(self: Any, found: Any) -> Any:
        return Reply(accepted=True)

    monkeypatch.setattr(routing_offer.Offering, "_reserve", at_once)


def _leaves_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end is told again under another id."""
    real = WatchedLog.inject

    def inject(self: WatchedLog, subject: str, payload: bytes, headers: bytes) -> int:
        seq = real(self, subject, payload, headers)
        return real(self, subject, payload, headers) if subject.endswith(f".{ContactLeft.NAME}") and seq % 50 == 0 else seq

    monkeypatch.setattr(WatchedLog, "inject", inject)


@pytest.mark.parametrize(
    ("plant", "complaint"),
    [
        (_fence_is_down, ""),
        (_reserves_who_is_on_break, "the agent was break"),
        (_wrap_up_has_no_end, "wrap-up"),
        (_second_come_first_served, "was passed over"),
        (_a_request_slips_through, "queued"),
        (_a_callback_starts_anew, "a callback has lost its place"),
        (_a_callback_rests_for_ever, "tried"),
        (_memory_outside_the_log, "the replay gives another state"),
        (_reservation_is_not_kept, "offered to an agent who is"),
        (_leaves_twice, "the request does not wait"),
    ],
)
def test_a_planted_fault_is_found(plant: Plant, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = next((told.broken for told in map(run_history, range(TRIES)) if told.broken), "")
    assert found
    assert complaint in found, found
