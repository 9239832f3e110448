"""The state as a snapshot keeps it: what the log has told, without what the configuration tells and without indexes."""

from datetime import datetime

import msgspec

from callstream.kernel.recent import Told
from callstream_routing.domain.board import Board
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.memory import OFFERS, GivenUp, Served
from callstream_routing.domain.pace import Pace
from callstream_routing.domain.request import Ending, Request
from callstream_routing.domain.seat import Seat

VERSION = 3
"""Counts up when the meaning of what is kept changes."""
OF_THE_LOG = (
    *("state", "since", "since_ms", "offer_id", "version", "last_event_id", "away", "open_request", "cool_until"),
    *("day", "answered", "offered", "serving", "busy_since"),
)
"""The fields of an agent that the log tells."""


class KeptGroup(msgspec.Struct, kw_only=True):
    """What a group has learnt."""

    pace: Pace
    recent: list[tuple[int, bool]]


class KeptBoard(msgspec.Struct, kw_only=True):
    """One tenant's."""

    tenant: str
    today: int
    day_ends: datetime
    seats: list[Seat]
    requests: list[Request]
    groups: dict[str, KeptGroup]
    ended: Told
    left: Told
    answered: Told
    dialled: Told
    given_up: Told
    served: Told
    offers: dict[str, list[str]]


class Kept(msgspec.Struct, kw_only=True):
    """All tenants."""

    boards: list[KeptBoard]


def take(hall: Hall) -> Kept:
    """The state of this moment."""
    return Kept(boards=[_take(board) for board in hall.boards.values()])


def restore(hall: Hall, kept: Kept) -> None:
    """Put it back; the configuration may be there already or come later."""
    for board in kept.boards:
        _restore(hall.touch(board.tenant), board)


def _take(board: Board) -> KeptBoard:
    memory = board.memory
    return KeptBoard(
        tenant=board.tenant,
        today=board.today,
        day_ends=board.day_ends,
        seats=list(board.seats.values()),
        requests=list(board.requests.values()),
        groups={group.id: KeptGroup(pace=group.pace, recent=list(group.target.recent)) for group in board.groups.values()},
        ended=board.ended.told(),
        left=board.left.told(),
        answered=memory.answered.told(),
        dialled=memory.dialled.told(),
        given_up=memory.given_up.told(),
        served=board.served.told(),
        offers={agent_id: list(calls) for agent_id, calls in memory.offers.items()},
    )


def _restore(board: Board, kept: KeptBoard) -> None:
    board.day_ends = kept.day_ends
    board.set_day(kept.today)
    for group_id, learnt in kept.groups.items():
        group = board.group(group_id)
        group.pace = learnt.pace
        group.target.restore(learnt.recent)
    for told in kept.seats:
        seat = board.seat(told.id)
        with board.changing_seat(seat):
            for name in OF_THE_LOG:
                setattr(seat, name, getattr(told, name))
    for request in kept.requests:
        request.places, request.is_ready, request.held_until = {}, False, None
        board.add_request(request)
        if request.assigned:
            board.assigned[request.id] = None
        if request.queued and request.ending is None:
            board.admit(request, request.groups)
        with board.changing(request):
            pass
    memory = board.memory
    board.ended.retell(kept.ended, str, Ending)
    board.left.retell(kept.left, str, type(None))
    board.served.retell(kept.served, str, Served)
    memory.answered.retell(kept.answered, str, str)
    memory.dialled.retell(kept.dialled, str, tuple[str, datetime])
    memory.given_up.retell(kept.given_up, tuple[str, str], GivenUp)
    for agent_id, calls in kept.offers.items():
        for call_id in calls[-OFFERS:]:
            memory.note_offer(agent_id, call_id)
