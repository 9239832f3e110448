"""The queues of one tenant: requests, agents and groups, with the indexes that make a reaction cost what has changed.

What the log tells comes in through `evolve`; what the configuration tells through `configure_*`; `hold_*` and `wake` belong to
the reaction and are forgotten by a crash without harm. Every other change of a request or an agent goes through `refresh_*`,
which keep the indexes true.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.config import SkillGroup
from callstream.kernel.timers import Timers
from callstream_routing.domain.group import Group
from callstream_routing.domain.recent import Recent
from callstream_routing.domain.request import Ending, Request
from callstream_routing.domain.seat import FREE, Seat

TimerKey = tuple[str, str, str]
"""(tenant, REQUEST or SEAT, id)"""
REQUEST, SEAT = "request", "seat"


class Board:
    """See the module's docstring."""

    def __init__(self, tenant: str, timers: Timers[TimerKey]) -> None:
        self.tenant = tenant
        self.requests: dict[str, Request] = {}
        self.seats: dict[str, Seat] = {}
        self.groups: dict[str, Group] = {}
        self.of_call: dict[str, set[str]] = {}
        self.ended: Recent[Ending] = Recent()
        """Calls that are over, for requests that stand behind the end in the log."""
        self.left: Recent[None] = Recent()
        """Requests that are over."""
        self.dirty: dict[str, None] = {}
        """Requests to look at, in log order."""
        self.dirty_groups: set[str] = set()
        self._timers = timers

    def seat(self, agent_id: str) -> Seat:
        """The agent; unknown ones are offline and in no group."""
        seat = self.seats.get(agent_id)
        if seat is None:
            seat = self.seats[agent_id] = Seat(id=agent_id)
            seat.label = seat.why_not()
        return seat

    def take_dirty(self) -> list[Request]:
        """The requests to look at, in log order; they count as looked at from now on."""
        found = [self.requests[request_id] for request_id in self.dirty if request_id in self.requests]
        self.dirty.clear()
        return found

    def group(self, group_id: str) -> Group:
        """The group; one that is not configured is not open."""
        group = self.groups.get(group_id)
        if group is None:
            group = self.groups[group_id] = Group(group_id)
        return group

    # configuration

    def configure_group(self, group_id: str, document: SkillGroup | None) -> None:
        """Take over a published group, or that it is gone. Everything in its line is looked at again."""
        group = self.group(group_id)
        group.open = document is not None and document.enabled
        if document is not None:
            group.rule = document.rule
        self.dirty.update((place[-1], None) for place in group.line)
        self.dirty_groups.add(group_id)
        self._forget_if_empty(group)

    def configure_agent(self, agent_id: str, document: AgentDocument | None) -> None:
        """Take over the groups of a published agent, or that the agent is gone (in no group: never offered anything, F118)."""
        groups = tuple(dict.fromkeys(document.groups)) if document is not None else ()
        seat = self.seat(agent_id)
        if groups == seat.groups:
            return
        for group_id in seat.groups:
            self.group(group_id).take(seat)
            self._forget_if_empty(self.group(group_id))
        seat.groups = groups
        for group_id in groups:
            self.group(group_id).put(seat)
            self.dirty_groups.add(group_id)

    # requests

    def add_request(self, request: Request) -> None:
        """A new request takes its place in the line at once; it can be offered when its `queue.queued` has come."""
        self.requests[request.id] = request
        self.group(request.group_id).line.add(request.place)
        self.of_call.setdefault(request.call_id, set()).add(request.id)
        self.dirty[request.id] = None

    def remove_request(self, request: Request) -> None:
        """The request is over."""
        with self.changing(request):
            self.close_offer(request)
            request.queued = False
        del self.requests[request.id]
        group = self.group(request.group_id)
        group.line.remove(request.place)
        self._forget_if_empty(group)
        siblings = self.of_call[request.call_id]
        siblings.discard(request.id)
        if not siblings:
            del self.of_call[request.call_id]
        self._timers.cancel((self.tenant, REQUEST, request.id))
        self.dirty.pop(request.id, None)
        self.left.add(request.id, None)

    @contextmanager
    def changing(self, request: Request) -> Iterator[None]:
        """Around every change of a request: keeps `ready` and the timer true, and has the request looked at."""
        was_ready = request.ready
        yield
        if request.ready != was_ready:
            group = self.group(request.group_id)
            if request.ready:
                group.ready.add(request.place)
                self.dirty_groups.add(group.id)
            else:
                group.ready.remove(request.place)
        due = request.held_until or (request.offer.deadline if request.offer else None)
        self._arm((self.tenant, REQUEST, request.id), due)
        self.dirty[request.id] = None

    def close_offer(self, request: Request) -> None:
        """The open offer is over: its agent is free for others, as far as this request is concerned. Inside `changing`."""
        if request.offer is None:
            return
        seat = self.seat(request.offer.agent_id)
        request.offer = None
        if seat.open_request == request.id:
            with self.changing_seat(seat):
                seat.open_request = ""

    def hold(self, request: Request, until: datetime | None) -> None:
        """A decision about the request is under way until its next event, at the latest until `until`; None: no longer."""
        with self.changing(request):
            request.held_until = until

    # agents

    @contextmanager
    def changing_seat(self, seat: Seat) -> Iterator[None]:
        """Around every change of an agent: moves them between the buckets of their groups."""
        for group_id in seat.groups:
            self.group(group_id).take(seat)
        yield
        seat.label = seat.why_not()
        for group_id in seat.groups:
            self.group(group_id).put(seat)
            if seat.label == FREE:
                self.dirty_groups.add(group_id)
        dues = [due for due in (seat.held_until, seat.cool_until) if due is not None]
        self._arm((self.tenant, SEAT, seat.id), min(dues, default=None))
        if seat.open_request:
            self.dirty[seat.open_request] = None

    def hold_seat(self, seat: Seat, until: datetime | None) -> None:
        """A reservation is under way until the agent's next event, at the latest until `until`; None: no longer."""
        with self.changing_seat(seat):
            seat.held_until = until

    # time

    def wake_request(self, request_id: str, now: datetime) -> None:
        """A request's moment has come: a hold that is over ends, and the request is looked at."""
        request = self.requests.get(request_id)
        if request is None:
            return
        with self.changing(request):
            if request.held_until is not None and request.held_until <= now:
                request.held_until = None

    def wake_seat(self, agent_id: str, now: datetime) -> None:
        """An agent's moment has come: hold and cool-down that are over end."""
        seat = self.seat(agent_id)
        with self.changing_seat(seat):
            if seat.held_until is not None and seat.held_until <= now:
                seat.held_until = None
            if seat.cool_until is not None and seat.cool_until <= now:
                seat.cool_until = None

    def _arm(self, key: TimerKey, due: datetime | None) -> None:
        if due is None:
            self._timers.cancel(key)
        else:
            self._timers.set(key, due)

    def _forget_if_empty(self, group: Group) -> None:
        if group.empty:
            self.groups.pop(group.id, None)
            self.dirty_groups.discard(group.id)
