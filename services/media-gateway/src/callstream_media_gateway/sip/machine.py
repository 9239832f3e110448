"""Running a table on an object: the actions it names are the object's methods ("send bye" is `_send_bye`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .transaction_tables import Table

_Moves = dict[tuple[str, str], tuple[str, tuple[Callable[[Any, Any], None], ...]]]


class Machine:
    """Base of what lives by a table. A subclass names its `table`; a missing action fails when the class is made."""

    table: ClassVar[Table]
    _moves: ClassVar[_Moves]
    state: str

    def __init_subclass__(cls) -> None:
        cls._moves = {
            key: (move.state, tuple(getattr(cls, "_" + action.replace(" ", "_")) for action in move.actions))
            for key, move in cls.table.items()
        }

    def feed(self, event: str, argument: Any = None) -> bool:
        """Take one event. False when the state has no move for it; nothing has changed then."""
        move = self._moves.get((self.state, event))
        if move is None:
            return False
        self.state = move[0]
        for action in move[1]:
            action(self, argument)
        return True
