"""The steps of the fold that tell of agents: what they do, and whether they can be reached."""

from datetime import datetime

from callstream.contracts import agent_events as agent
from callstream.contracts.envelope import Recorded
from callstream.contracts.states import AgentState
from callstream_routing.domain.board import Board
from callstream_routing.domain.seat import Seat, stamp
from callstream_routing.domain.settle import millis


def state_changed(board: Board, recorded: Recorded, event: agent.AgentStateChanged) -> None:
    seat = board.seat(recorded.aggregate_id)
    if recorded.seq <= seat.version:
        return
    with board.changing_seat(seat):
        _take_time(board, seat, event.state, recorded.time)
        seat.state, seat.since, seat.offer_id = event.state, recorded.time, event.offer_id
        seat.since_ms = stamp(recorded.time)
        seat.version, seat.last_event_id = recorded.seq, recorded.id
        seat.held_until = None


def _take_time(board: Board, seat: Seat, state: AgentState, at: datetime) -> None:
    """How long one request takes an agent, wrap-up included, is what estimates of waiting are made of."""
    if state is AgentState.BUSY:
        seat.busy_since = seat.busy_since or at
    elif state is not AgentState.WRAP_UP and seat.busy_since is not None:
        if seat.serving:
            board.group(seat.serving).pace.handled(millis(seat.busy_since, at))
        seat.busy_since, seat.serving = None, ""


def presence_changed(board: Board, recorded: Recorded, event: agent.AgentPresenceChanged) -> None:
    """An agent who is not heard, and not reached otherwise, gets no offer until they are."""
    seat = board.seat(recorded.aggregate_id)
    with board.changing_seat(seat):
        seat.away = "" if event.reachable else event.presence.value


def session_began(board: Board, recorded: Recorded, _: agent.AgentSessionTaken | agent.AgentSignedIn) -> None:
    seat = board.seat(recorded.aggregate_id)
    with board.changing_seat(seat):
        seat.away = ""
