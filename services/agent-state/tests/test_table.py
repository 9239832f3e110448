"""The table itself: what it holds is what can happen, and nothing else."""

from itertools import product
from pathlib import Path

import pytest

from callstream.contracts.states import AgentState
from callstream.kernel.table import IllegalTransition
from callstream_agent_state.domain.presence import PRESENCE
from callstream_agent_state.domain.table import AT_CHOICE, TABLE, Move, walk

README = Path(__file__).parents[1] / "README.md"


def test_the_diagram_in_the_readme_is_current() -> None:
    assert TABLE.mermaid() in README.read_text()
    assert PRESENCE.mermaid() in README.read_text()


@pytest.mark.feature("F038", "F039", "F040", "F041", "F043", "F048")
def test_only_an_idle_agent_can_be_reserved() -> None:
    assert [state for state in AgentState if TABLE.allows(state, Move.RESERVE)] == [AgentState.IDLE]


def test_every_other_move_is_illegal_and_says_so() -> None:
    illegal = [pair for pair in product(AgentState, Move) if pair not in TABLE.rows]
    assert len(illegal) == len(AgentState) * len(Move) - len(TABLE.rows)
    for state, move in illegal:
        with pytest.raises(IllegalTransition, match=f"'{move}' is not possible in state '{state}'"):
            TABLE.next_state(state, move)


def test_every_state_has_a_way_out_and_is_reached() -> None:
    reached = set(TABLE.rows.values())
    assert reached == set(AgentState)
    assert all(list(TABLE.inputs(state)) for state in AgentState)


def test_nobody_chooses_ringing_or_busy() -> None:
    chosen = {TABLE.rows[state, move] for state, move in TABLE.rows if move.value.endswith("chosen")}
    assert chosen == set(AT_CHOICE)


def test_a_walk_stops_at_an_illegal_move() -> None:
    assert walk(AgentState.BUSY, (Move.CALL_OVER, Move.SIGN_OUT)) is AgentState.OFFLINE
    with pytest.raises(IllegalTransition):
        walk(AgentState.BUSY, (Move.SIGN_OUT, Move.CALL_OVER))
