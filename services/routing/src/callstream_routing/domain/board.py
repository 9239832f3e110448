"""The queues of one tenant: requests, agents and groups, with the indexes that make a reaction cost what has changed.

What the log tells comes in through `evolve`; what the configuration tells through `policy.py`; `hold_*` and `wake` belong to
the reaction and are forgotten by a crash without harm. Every other change of a request or an agent goes through `changing`,
`relisting` and `changing_seat`, which keep the indexes true.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from callstream.contracts.config import CustomerType, Settings
from callstream.kernel.recent import Recent
from callstream.kernel.timers import Timers
from callstream_routing.domain.dues import day_of, due_of
from callstream_routing.domain.group import Group
from callstream_routing.domain.memory import Memory, Served
from callstream_routing.domain.request import Callback, Ending, Request
from callstream_routing.domain.seat import FREE, Seat
from callstream_routing.domain.stages import Move, Stage

TimerKey = tuple[str, str, str]
"""(tenant, REQUEST or SEAT or DAY, id)"""
REQUEST, SEAT, DAY = "request", "seat", "day"


class Board:
    """See the module's docstring."""

    def __init__(self, tenant: str, timers: Timers[TimerKey]) -> None:
        self.tenant = tenant
        self.requests: dict[str, Request] = {}
        self.seats: dict[str, Seat] = {}
        self.groups: dict[str, Group] = {}
        self.of_call: dict[str, set[str]] = {}
        """Call → requests that its end concerns."""
        self.callbacks: dict[str, set[str]] = {}
        """Caller → callbacks to them."""
        self.ended: Recent[str, Ending] = Recent()
        """Calls that are over, for requests that stand behind the end in the log."""
        self.left: Recent[str, None] = Recent()
        """Requests that are over."""
        self.served: Recent[str, Served] = Recent()
        """Calls that an agent serves, with what a transfer keeps of their first request (F019)."""
        self.memory = Memory()
        self.settings = Settings()
        self.types: dict[str, CustomerType] = {}
        self.type_of_number: dict[str, str] = {}
        self.today = 0
        """Ordinal of the day in the tenant's time zone."""
        self.day_ends = datetime.min.replace(tzinfo=UTC)
        self.assigned: dict[str, None] = {}
        """Requests that a supervisor has assigned and nobody has tried yet."""
        self.only: dict[str, set[str]] = {}
        """Agent → requests that they alone may serve."""
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
            group = self.groups[group_id] = Group(group_id, self.today)
        return group

    def is_open(self, group_id: str) -> bool:
        """Whether the group exists and serves (F128)."""
        group = self.groups.get(group_id)
        return group is not None and group.open

    def type_of(self, caller: str) -> CustomerType | None:
        """The caller's customer type; None: of no type (F124)."""
        type_id = self.type_of_number.get(caller)
        return self.types.get(type_id) if type_id is not None else None

    # requests

    def add_request(self, request: Request) -> None:
        """A new request takes its place in the lines at once; it can be offered when its `queue.queued` has come."""
        self.requests[request.id] = request
        request.reach(0)
        self.bind(request)
        if request.callback is not None:
            self.callbacks.setdefault(request.caller, set()).add(request.id)
        if request.only:
            self.only.setdefault(request.only, set()).add(request.id)
        self._enter(request)
        self.dirty[request.id] = None

    def remove_request(self, request: Request) -> None:
        """The request is over."""
        with self.changing(request):
            self.close_offer(request)
            request.queued = False
        del self.requests[request.id]
        self._leave(request)
        _drop(self.only, request.only, request.id)
        _drop(self.callbacks, request.caller, request.id)
        _drop(self.of_call, request.own_call, request.id)
        self._timers.cancel((self.tenant, REQUEST, request.id))
        self.dirty.pop(request.id, None)
        self.left.add(request.id, None)

    @contextmanager
    def changing(self, request: Request) -> Iterator[None]:
        """Around every change of a request: keeps its readiness and its timer true, and has the request looked at."""
        yield
        self._changed(request)

    @contextmanager
    def relisting(self, request: Request) -> Iterator[None]:
        """Around a change of a request's groups, place or need. Inside `changing`."""
        if request.is_ready:
            self._set_ready(request, False)
        admitted = request.queued or any(request.id in self.groups[g].admitted for g in request.groups)
        self._leave(request)
        yield
        self._enter(request)
        if admitted and request.callback is None:  # who is not on the line takes nobody's place there
            self.admit(request, request.groups)

    def resume(self, request: Request, callback: Callback) -> None:
        """The rest of a callback is over: it stands in its old place again. Inside `changing`."""
        with self.relisting(request):
            callback.move(Move.RESUME)
            callback.rests_until = None

    def admit(self, request: Request, groups: tuple[str, ...]) -> None:
        """From now on the request counts for the limits of its groups."""
        for group_id in groups:
            self.group(group_id).admitted.add(request.id)

    def close_offer(self, request: Request) -> None:
        """The open offer is over: its agent is free for others, as far as this request is concerned. Inside `changing`."""
        if request.offer is None:
            return
        seat = self.seat(request.offer.agent_id)
        request.offer = None
        if request.callback is not None:
            _drop(self.of_call, request.callback.call_id, request.id)
            request.callback.call_id = ""
            if request.callback.stage is Stage.OFFERED:
                request.callback.move(Move.WITHDRAW)
        if seat.open_request == request.id:
            with self.changing_seat(seat):
                seat.open_request = ""

    def bind(self, request: Request) -> None:
        """From now on the end of the request's own call concerns it."""
        if request.own_call:
            self.of_call.setdefault(request.own_call, set()).add(request.id)

    def hold(self, request: Request, until: datetime | None) -> None:
        """A decision about the request is under way until its next event, at the latest until `until`; None: no longer."""
        request.held_until = until
        self._changed(request)

    def _changed(self, request: Request) -> None:
        ready = request.ready
        if ready != request.is_ready:
            self._set_ready(request, ready)
        self._arm((self.tenant, REQUEST, request.id), due_of(request, self.groups))
        self.dirty[request.id] = None

    def _enter(self, request: Request) -> None:
        if request.resting:
            return
        for group_id in request.groups:
            self.group(group_id).enter(request)

    def _leave(self, request: Request) -> None:
        for group_id in list(request.places):
            group = self.groups[group_id]
            group.leave(request)
            group.admitted.discard(request.id)
            self.forget_if_empty(group)

    def _set_ready(self, request: Request, ready: bool) -> None:
        request.is_ready = ready
        need = request.need
        for group_id, place in request.places.items():
            desk = self.groups[group_id].desks[need]
            if ready:
                desk.want(place)
            else:
                desk.unwant(place)
        if ready:
            self.dirty_groups.update(request.places)

    # agents

    @contextmanager
    def changing_seat(self, seat: Seat) -> Iterator[None]:
        """Around every change of an agent: moves them between the buckets of their groups."""
        self._take(seat)
        yield
        self._put(seat)

    def _take(self, seat: Seat) -> None:
        for group_id in seat.groups:
            self.groups[group_id].take(seat)

    def _put(self, seat: Seat) -> None:
        seat.label = seat.why_not()
        named = seat.named()
        for group_id in seat.groups:
            self.groups[group_id].put(seat, named)
        if seat.label == FREE:
            self.dirty_groups.update(seat.groups)
        held, cool = seat.held_until, seat.cool_until
        self._arm((self.tenant, SEAT, seat.id), min(held, cool) if held and cool else held or cool)
        if seat.open_request:
            self.dirty[seat.open_request] = None
        for request_id in self.only.get(seat.id, ()):
            self.dirty[request_id] = None

    def hold_seat(self, seat: Seat, until: datetime | None) -> None:
        """A reservation is under way until the agent's next event, at the latest until `until`; None: no longer."""
        self._take(seat)
        seat.held_until = until
        self._put(seat)

    # time

    def wake_request(self, request_id: str, now: datetime) -> None:
        """A request's moment has come: a hold that is over ends, what it needs may be less, and it is looked at."""
        request = self.requests.get(request_id)
        if request is None:
            return
        with self.changing(request):
            if request.held_until is not None and request.held_until <= now:
                request.held_until = None
            step = request.step_at(now)
            if step != request.step:
                with self.relisting(request):
                    request.reach(step)
            callback = request.callback
            if callback is not None and callback.rests_until is not None and callback.rests_until <= now:
                self.resume(request, callback)

    def wake_seat(self, agent_id: str, now: datetime) -> None:
        """An agent's moment has come: hold and cool-down that are over end."""
        seat = self.seat(agent_id)
        with self.changing_seat(seat):
            if seat.held_until is not None and seat.held_until <= now:
                seat.held_until = None
            if seat.cool_until is not None and seat.cool_until <= now:
                seat.cool_until = None

    def turn_day(self, now: datetime) -> None:
        """Begin the day of `now` in the tenant's time zone: what is counted daily begins anew (D6)."""
        today, self.day_ends = day_of(now, self.settings.time_zone)
        self.set_day(today)

    def set_day(self, today: int) -> None:
        """Count as of that day, until `day_ends`."""
        self.today = today
        for group in self.groups.values():
            group.today = today
            if group.ranking.daily:
                group.rank_anew()
        self._arm((self.tenant, DAY, ""), self.day_ends)

    def _arm(self, key: TimerKey, due: datetime | None) -> None:
        if due is None:
            self._timers.cancel(key)
        else:
            self._timers.set(key, due)

    def forget_if_empty(self, group: Group) -> None:
        """A group that is gone from the configuration is forgotten with its last request and agent."""
        if group.empty:
            self.groups.pop(group.id, None)
            self.dirty_groups.discard(group.id)


def _drop(index: dict[str, set[str]], key: str, member: str) -> None:
    """Take a member out of an index, and an empty set with it."""
    members = index.get(key)
    if members is not None:
        members.discard(member)
        if not members:
            del index[key]
