"""The boards of all tenants, their common timers, and the fold over the log that fills them."""

from collections.abc import Callable
from datetime import datetime

from callstream.contracts.envelope import Recorded
from callstream.kernel.timers import Timers
from callstream_routing.domain.board import DAY, REQUEST, SEAT, Board, TimerKey
from callstream_routing.domain.evolve import evolve


class Hall:
    """The state of this service."""

    def __init__(self) -> None:
        self.boards: dict[str, Board] = {}
        self.timers: Timers[TimerKey] = Timers()
        self._touched: dict[str, None] = {}

    def board(self, tenant: str) -> Board:
        """The tenant's board."""
        board = self.boards.get(tenant)
        if board is None:
            board = self.boards[tenant] = Board(tenant, self.timers)
        return board

    def touch(self, tenant: str) -> Board:
        """The tenant's board, which the next reaction has to look at."""
        self._touched[tenant] = None
        return self.board(tenant)

    def take_touched(self, serves: Callable[[str], bool] = lambda _: True) -> list[Board]:
        """The boards to look at, of the tenants that we act for; they count as looked at from now on."""
        tenants = [tenant for tenant in self._touched if serves(tenant)]
        for tenant in tenants:
            del self._touched[tenant]
        return [self.board(tenant) for tenant in tenants]

    def evolve(self, recorded: Recorded) -> None:
        """Take one event in."""
        evolve(self.touch(recorded.tenant), recorded)

    def wake(self, now: datetime) -> None:
        """Let requests and agents whose moment has come be looked at."""
        for tenant, kind, object_id in self.timers.due(now):
            board = self.touch(tenant)
            if kind == REQUEST:
                board.wake_request(object_id, now)
            elif kind == SEAT:
                board.wake_seat(object_id, now)
            elif kind == DAY:
                board.turn_day(now)
