"""Agents who go before everybody else for one request, if they can take it at once (D10)."""

from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.request import Request

OUTBOUND_MEMORY, NAMED, LAST_AGENT = "outbound-memory", "preferred-agent", "last-agent"


def preferred(board: Board, group: Group, request: Request) -> dict[str, str]:
    """Why → agent, in their order: outbound memory (F132), the agent that the request names (F093), the last agent (F123)."""
    memory, found = board.memory, {}
    if dialled_by := memory.dialled_by(request.caller, request.requested_at):
        found[OUTBOUND_MEMORY] = dialled_by
    if request.preferred_agent:
        found[NAMED] = request.preferred_agent
    if group.last_agent_first and (last_agent := memory.last_agent(request.caller)):
        found[LAST_AGENT] = last_agent
    return found


def group_for(board: Board, request: Request, agent_id: str) -> Group | None:
    """The group in which this agent can take the request now, or None: busy, not of its groups, without the skills, or
    offered it before."""
    if agent_id in request.offered:
        return None
    for group_id in request.groups:
        group = board.groups.get(group_id)
        if group is not None and group.open and agent_id in group.desk(request.need).keys:
            return group
    return None
