"""Requests that a call makes which an agent serves already: transfers (F018, F019, F214) and wanted agents (F016, F022, F056)."""

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts.envelope import Recorded
from callstream.kernel.outcomes import RequestOutcome
from callstream_routing.domain.board import Board
from callstream_routing.domain.memory import Served
from callstream_routing.domain.request import Ending, Request
from callstream_routing.domain.supervise import assign

TRANSFER = "transfer"


def transfer_started(board: Board, recorded: Recorded, event: call.TransferStarted) -> None:
    """The customer waits for somebody else, at the place that they had; the agent who gave them away comes last."""
    if event.request_id in board.requests or event.request_id in board.left:
        return
    group_id = event.group_id or board.seat(event.agent_id).serving or _home(board, event.target_agent_id)
    served = board.served.get(recorded.aggregate_id) or _unserved(board, recorded, event.caller)
    request = Request(
        id=event.request_id,
        call_id=recorded.aggregate_id,
        caller=event.caller,
        asked=(group_id,),
        groups=(group_id,),
        priority=served.priority,
        requested_at=recorded.time,
        enqueued_at=served.enqueued_at,
        gateway=event.gateway,
        customer_leg_id=event.customer_leg_id,
        connect_prompt=(),
        requested_seq=recorded.seq,
        requested_by=recorded.id,
        chosen=True,
        rule=TRANSFER,
        customer_type=served.customer_type,
        level=served.level,
        offered={event.agent_id},
        ending=board.ended.get(recorded.aggregate_id),
    )
    if event.target_agent_id:
        assign(board, request, event.target_agent_id, recorded.time)
    board.add_request(request)


def agent_wanted(board: Board, recorded: Recorded, event: control.AgentWanted) -> None:
    """One agent and nobody else: they are tried until they are offered it, or cannot take it."""
    if event.request_id in board.requests or event.request_id in board.left:
        return
    request = Request(
        id=event.request_id,
        call_id=recorded.aggregate_id,
        caller=event.caller,
        asked=(),
        groups=(),
        priority=0,
        requested_at=recorded.time,
        enqueued_at=recorded.time,
        gateway=event.gateway,
        customer_leg_id=event.customer_leg_id,
        connect_prompt=(),
        requested_seq=recorded.seq,
        requested_by=recorded.id,
        only=event.target_agent_id,
        counts=False,
        rule=event.purpose.value,
        ending=board.ended.get(recorded.aggregate_id),
    )
    assign(board, request, event.target_agent_id, recorded.time)
    board.add_request(request)


def consult_ended(board: Board, recorded: Recorded, event: control.ConsultEnded) -> None:
    """Who asked has thought better of it: nobody need ring any more."""
    request = board.requests.get(event.consult_id)
    if request is not None and request.ending is None:
        ending = Ending(outcome=RequestOutcome.ABANDONED, reason=event.reason, at=recorded.time, event_id=recorded.id)
        with board.changing(request):
            request.ending = ending


def _unserved(board: Board, recorded: Recorded, caller: str) -> Served:
    """The customer never waited: an agent called them."""
    kind = board.type_of(caller)
    return Served(recorded.time, 0, kind.id if kind else "", kind.level if kind else 0)


def _home(board: Board, agent_id: str) -> str:
    """The group of an agent, for a customer who came by none; empty: the agent has none either."""
    return next(iter(board.seat(agent_id).groups), "") if agent_id else ""
