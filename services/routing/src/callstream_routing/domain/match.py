"""Who is offered to whom. The order of precedence: greater priority, longer wait (F125), then the group's rule (F119).

Groups compete for agents who serve several of them, so the groups that have changed are worked off together, always the one
whose first request stands first. Each match costs O(log n); what has not changed costs nothing.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from callstream.contracts.queue_events import Decision
from callstream.kernel.ids import derived_id
from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.record import record
from callstream_routing.domain.request import Place, Request
from callstream_routing.domain.seat import Seat

HOLD = timedelta(seconds=8)
"""Longer than a reservation and an append can take; both end their holds themselves."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A request and the agent who is to be reserved for it. Both are held until the attempt is over."""

    tenant: str
    request_id: str
    call_id: str
    agent_id: str
    offer_id: str
    """Each attempt has its own: else a late release of one attempt could end the reservation of the next."""
    version: int
    """Log position of the request that the offer is appended at."""
    decision: Decision


def match(board: Board, now: datetime) -> Iterator[Match]:
    """All matches that are possible in the groups that have changed; nobody is matched twice."""
    heap: list[tuple[Place, str]] = []
    for group_id in board.dirty_groups:
        group = board.groups.get(group_id)
        if group is not None and group.can_match:
            heap.append((group.ready[0], group_id))
    board.dirty_groups.clear()
    heapq.heapify(heap)
    while heap:
        place, group_id = heapq.heappop(heap)
        group = board.group(group_id)
        if not group.can_match:
            continue
        if group.ready[0] == place:
            yield _match(board, group, board.requests[place[-1]], now)
        if group.can_match:
            heapq.heappush(heap, (group.ready[0], group_id))


def choose(board: Board, group: Group, request: Request) -> Seat:
    """The first free agent by the rule; one whom the request was offered to already only when there is no other (F131)."""
    for _, agent_id in group.free:
        if agent_id not in request.offered:
            return board.seats[agent_id]
    return board.seats[group.free[0][1]]


def _match(board: Board, group: Group, request: Request, now: datetime) -> Match:
    seat = choose(board, group, request)
    found = Match(
        tenant=board.tenant,
        request_id=request.id,
        call_id=request.call_id,
        agent_id=seat.id,
        offer_id=derived_id("offer", request.id, str(request.version), seat.id, now.isoformat()),
        version=request.version,
        decision=record(group, request, seat, now),
    )
    board.hold(request, now + HOLD)
    board.hold_seat(seat, now + HOLD)
    return found
