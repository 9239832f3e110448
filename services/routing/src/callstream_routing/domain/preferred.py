"""Agents who go before everybody else for one request, if they can take it at once (D10)."""

from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.request import Request

OUTBOUND_MEMORY, NAMED, LAST_AGENT = "outbound-memory", "preferred-agent", "last-agent"


def preferred(board: Board, group: Group, request: Request) -> dict[str, str]:
    """Why → agent, in their order: outbound memory (F132), the agent that the request names (F093), the last agent (F123)."""
    memory = board.memory
    found = {OUTBOUND_MEMORY: memory.dialled_by(request.caller, request.requested_at), NAMED: request.preferred_agent}
    if group.last_agent_first:
        found[LAST_AGENT] = memory.last_agent(request.caller)
    return {why: agent_id for why, agent_id in found.items() if agent_id}


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
