"""Takes published documents over into a board. Who waits is looked at again; nobody who is being offered is disturbed."""

from callstream.contracts.config import Agent, Customer, CustomerType, Settings, SkillGroup
from callstream_routing.domain.board import Board


def configure_settings(board: Board, document: Settings | None) -> None:
    """The tenant's defaults of its groups, and its time zone."""
    before, board.settings = board.settings, document or Settings()
    if board.settings.time_zone != before.time_zone and board.today:
        board.day_ends = board.day_ends.min.replace(tzinfo=board.day_ends.tzinfo)  # the next moment begins the day anew
    for group in list(board.groups.values()):
        group.configure(group.published, board.settings)


def configure_group(board: Board, group_id: str, document: SkillGroup | None) -> None:
    """A published group, or None: it is gone. Everything in its line is looked at again."""
    group = board.group(group_id)
    waiting = [board.requests[place[-1]] for place in group.line]
    if group.configure(document, board.settings):
        for request in waiting:
            with board.changing(request), board.relisting(request):
                pass
    for request in waiting:
        with board.changing(request):
            pass
    board.dirty_groups.add(group_id)
    board.forget_if_empty(group)


def configure_agent(board: Board, agent_id: str, document: Agent | None) -> None:
    """A published agent, or None: in no group, never offered anything (F118)."""
    seat = board.seat(agent_id)
    for group_id in seat.groups:
        group = board.groups[group_id]
        group.part(seat)
        board.forget_if_empty(group)
    seat.groups = tuple(dict.fromkeys(document.groups)) if document is not None else ()
    seat.priorities = dict(document.priorities) if document is not None else {}
    seat.level = document.level if document is not None else 0
    seat.skills = dict(document.skills) if document is not None else {}
    for group_id in seat.groups:
        board.group(group_id).join(seat)
        board.dirty_groups.add(group_id)


def configure_type(board: Board, type_id: str, document: CustomerType | None) -> None:
    """A customer type; who is queued already keeps the level that they were queued with."""
    if document is None:
        board.types.pop(type_id, None)
    else:
        board.types[type_id] = document


def configure_customer(board: Board, key_id: str, document: Customer | None) -> None:
    """A customer's number."""
    if document is None:
        board.type_of_number.pop(f"+{key_id}", None)
    else:
        board.type_of_number[document.number] = document.type
