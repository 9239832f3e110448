"""Who is offered to whom (docs/routing.md).

Groups compete for agents who serve several of them, so the groups that have changed are worked off together, always the one
with the strongest claim: its level (F127), its service level at risk, then its first request by urgency and wait (F126, F125).
Each match costs O(log n); what has not changed costs nothing.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from callstream.contracts.queue_events import Decision
from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.preferred import group_for, preferred
from callstream_routing.domain.record import record
from callstream_routing.domain.request import Place, Request
from callstream_routing.domain.seat import Seat

HOLD = timedelta(seconds=8)
"""Longer than a reservation and an append can take; both end their holds themselves."""

Claim = tuple[tuple[int, int, int, Place], int, str]
"""A group's claim, the request's own preference among its groups, the group."""


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


class Choice(msgspec.Struct, frozen=True):
    """The agent for a request, the group that they take it for, and why they went first ("": by the group's ranking)."""

    seat: Seat
    group: Group
    why: str
    preferred: dict[str, str]


def match(board: Board, now: datetime) -> Iterator[Match]:
    """All matches that are possible in the groups that have changed; nobody is matched twice."""
    heap: list[Claim] = []
    for group_id in board.dirty_groups:
        claim = _claim(board, board.groups.get(group_id))
        if claim is not None:
            heap.append(claim)
    board.dirty_groups.clear()
    heapq.heapify(heap)
    made = 0
    looked_at: dict[str, int] = {}  # group → matches that had been made when it made its claim; 0 for the first claims
    while heap:
        before = heapq.heappop(heap)
        group = board.groups.get(before[2])
        claim = before if looked_at.get(before[2], 0) == made else _claim(board, group)
        if claim is None or group is None:
            continue
        if claim == before:
            found = _match(board, group, board.requests[claim[0][3][-1]], now)
            made += 1
            yield found
            claim = _claim(board, group)
        if claim is not None:
            looked_at[claim[2]] = made
            heapq.heappush(heap, claim)


def choose(board: Board, group: Group, request: Request) -> Choice:
    """A preferred agent who can take it at once (D10); else the first free agent of the group's ranking; one whom the request
    was offered to already only when none of its groups has another (F131)."""
    wanted = preferred(board, group, request)
    for why, agent_id in wanted.items():
        able_in = group_for(board, request, agent_id)
        if able_in is not None:
            return Choice(board.seats[agent_id], able_in, why, wanted)
    if request.offered:
        for candidate in (group, *_others(board, group, request)):
            for key in candidate.desk(request.need).free:
                if key[-1] not in request.offered:
                    return Choice(board.seats[key[-1]], candidate, "", wanted)
    return Choice(board.seats[group.desk(request.need).free[0][-1]], group, "", wanted)


def _others(board: Board, group: Group, request: Request) -> Iterator[Group]:
    """Further groups in which it is the request's turn."""
    for group_id in request.groups:
        other = board.groups.get(group_id)
        head = other.first() if other is not None and other is not group else None
        if other is not None and head is not None and head[0] == request.places[group_id]:
            yield other


def _claim(board: Board, group: Group | None) -> Claim | None:
    found = group.first() if group is not None else None
    if group is None or found is None:
        return None
    request = board.requests[found[0][-1]]
    return group.claim(found[0], request.requested_at), request.groups.index(group.id), group.id


def _match(board: Board, group: Group, request: Request, now: datetime) -> Match:
    choice = choose(board, group, request)
    offer_id = request.offer_id_for(choice.seat.id, now)
    found = Match(
        tenant=board.tenant,
        request_id=request.id,
        call_id=request.call_for(offer_id),
        agent_id=choice.seat.id,
        offer_id=offer_id,
        version=request.version,
        decision=record(choice.group, request, choice.seat, choice.why, choice.preferred, now),
    )
    until = now + HOLD
    board.hold(request, until)
    board.hold_seat(choice.seat, until)
    return found
