"""State machines as tables (architecture rule 1): one mapping (state, input) → next state, read by code, tests and docs.

A machine that needs guards or data keeps them in its `decide`; the table alone says which moves exist. An input that the
table does not hold for a state is illegal: `next_state` raises and nothing has changed.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
I = TypeVar("I", bound=StrEnum)  # noqa: E741  (the field's letter for an input alphabet)


class IllegalTransition(Exception):
    """The table has no row for this input in this state."""

    def __init__(self, machine: str, state: str, given: str) -> None:
        super().__init__(f"{machine}: '{given}' is not possible in state '{state}'")
        self.machine, self.state, self.given = machine, state, given


class TransitionTable(Generic[S, I]):
    """A named, immutable transition table."""

    def __init__(self, name: str, initial: S, rows: Mapping[tuple[S, I], S]) -> None:
        self.name, self.initial, self.rows = name, initial, dict(rows)

    def next_state(self, state: S, given: I) -> S:
        """The state that `given` leads to from `state`; raises IllegalTransition."""
        try:
            return self.rows[state, given]
        except KeyError:
            raise IllegalTransition(self.name, state, given) from None

    def allows(self, state: S, given: I) -> bool:
        """Whether the table holds a row for `given` in `state`."""
        return (state, given) in self.rows

    def inputs(self, state: S) -> Iterable[I]:
        """The inputs that are legal in `state`, in the table's order."""
        return (given for (source, given) in self.rows if source == state)

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, for the documentation."""
        lines = ["stateDiagram-v2", f"    [*] --> {_node(self.initial)}"]
        lines += [f"    {_node(a)} --> {_node(b)}: {given}" for (a, given), b in self.rows.items()]
        return "\n".join(lines) + "\n"


def _node(state: StrEnum) -> str:
    return state.value.replace("-", "_")
