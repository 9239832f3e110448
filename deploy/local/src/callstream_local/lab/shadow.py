"""A second policy beside the live one: the same log, its own decisions, no effect.

The shadow's board is routing's own, configured with the other policy and fed with every event that routing follows, the live
queue events among them; but it queues and moves requests on its own terms (customer types, limits, overflow). Around each event
it decides, as a routing would; what it wants is remembered, and held against what the live one then offers. A wish that the log
has overtaken is taken back, so that both always decide on the same state: every difference is the policy's own, not a consequence
of earlier differences. What such a policy would come to in the long run, the waits it would have given, is another question: it
takes a simulation of the same events.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.envelope import Recorded
from callstream.contracts.queue_events import ContactLeft, ContactMoved, ContactQueued, OfferMade
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason
from callstream_local.lab.desk import moves_and_refusals, opened, own_terms
from callstream_local.lab.policy import Policy
from callstream_routing.domain.match import match

TRAVEL_S = 1.0
"""Longest time between a decision and its offer in the log that is no difference of policy."""
FOR_GOOD = timedelta(days=1)
"""Who was sent away is not offered again by the shadow, unless the live routing offers them first."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The shadow would offer `request_id` to `agent_id`."""

    request_id: str
    agent_id: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One live offer, and what the shadow wanted at that moment."""

    at: datetime
    request_id: str
    call_id: str
    agent_id: str
    shadow_agent_id: str
    """To whom the shadow would have offered this request; empty: to nobody yet."""
    shadow_request_id: str
    """Whom the shadow would have offered this agent; empty: nobody."""
    shadow_away: Reason | None = None
    """Why the shadow would have sent this request away: no group takes it, or it has waited for too long."""
    sooner_s: float = 0.0
    """How long the shadow had wanted to offer this request to somebody already."""

    @property
    def agrees(self) -> bool:
        """The same request to the same agent."""
        return self.shadow_agent_id == self.agent_id

    @property
    def sooner(self) -> bool:
        """Whether it had wanted to offer it to somebody before, by more than events travel."""
        return self.sooner_s > TRAVEL_S

    @property
    def sentence(self) -> str:
        """For a person."""
        own = "shadow: would have let it wait"
        if self.shadow_away is not None:
            own = f"shadow: would have sent it away ({self.shadow_away})"
        elif self.shadow_agent_id:
            own = f"shadow: to {self.shadow_agent_id}"
        own += f", {self.sooner_s:.1f} s sooner" if self.sooner else ""
        agent = f", {self.agent_id} to {self.shadow_request_id}" if not self.agrees and self.shadow_request_id else ""
        return f"{self.at:%H:%M:%S} request {self.request_id} was offered to {self.agent_id}; {own}{agent}"


class Shadow:
    """`take` each recorded event of one tenant in log order; it gives a verdict for each live offer."""

    def __init__(self, policy: Policy, tenant: str) -> None:
        self._hall = opened(policy, tenant)
        self._board = self._hall.board(tenant)
        self._wanted: dict[str, Wanted] = {}
        self._since: dict[str, datetime] = {}
        self._away: dict[str, Reason] = {}

    def take(self, recorded: Recorded) -> Verdict | None:
        """One event."""
        self._pass_time(recorded)
        event = recorded.event
        verdict = None
        if isinstance(event, OfferMade):
            verdict = self._judge(recorded, event)
            self._take_back(lambda wanted: event.agent_id == wanted.agent_id or recorded.aggregate_id == wanted.request_id)
        elif isinstance(event, AgentStateChanged) and event.state is not AgentState.RINGING:
            self._take_back(lambda wanted: recorded.aggregate_id == wanted.agent_id)
        elif isinstance(event, ContactLeft):
            self._take_back(lambda wanted: recorded.aggregate_id == wanted.request_id)
            self._since.pop(recorded.aggregate_id, None)
            self._away.pop(recorded.aggregate_id, None)
        elif isinstance(event, ContactQueued):
            own = own_terms(self._board, recorded.aggregate_id, recorded.time)
            recorded = recorded if own is None else msgspec.structs.replace(recorded, event=own)
        if not isinstance(event, ContactMoved):
            self._hall.evolve(recorded)
        self._decide(recorded, recorded.time)
        return verdict

    def _pass_time(self, until: Recorded) -> None:
        """Decide at each moment that routing had set itself, up to the next event. What only an event answers stays due."""
        timers, last = self._hall.timers, None
        while (due := timers.next_due()) is not None and due < until.time and due != last:
            self._decide(until, due)
            last = due
        self._decide(until, until.time)

    def _decide(self, recorded: Recorded, now: datetime) -> None:
        """Match what can be matched; like routing, hold both until the log has answered, at most as long as routing does.

        `recorded` gives the shadow's own events a place in the log.
        """
        hall, board = self._hall, self._board
        hall.wake(now)
        hall.take_touched()
        for request_id, event in moves_and_refusals(board, now):
            if isinstance(event, ContactMoved):
                hall.evolve(msgspec.structs.replace(recorded, aggregate="queue", aggregate_id=request_id, time=now, event=event))
            else:
                self._away[request_id] = event.reason
                board.hold(board.requests[request_id], now + FOR_GOOD)
        for request_id in list(self._wanted):
            request = board.requests.get(request_id)
            if request is None or request.held_until is None:
                del self._wanted[request_id]
        for found in list(match(board, now)):
            self._wanted[found.request_id] = Wanted(request_id=found.request_id, agent_id=found.agent_id)
            self._since.setdefault(found.request_id, now)

    def _judge(self, recorded: Recorded, made: OfferMade) -> Verdict:
        own = self._wanted.get(recorded.aggregate_id)
        others = [wanted.request_id for wanted in self._wanted.values() if wanted.agent_id == made.agent_id]
        since = self._since.pop(recorded.aggregate_id, recorded.time)
        return Verdict(
            at=recorded.time,
            request_id=recorded.aggregate_id,
            call_id=made.call_id,
            agent_id=made.agent_id,
            shadow_agent_id=own.agent_id if own else "",
            shadow_request_id=others[0] if others else "",
            shadow_away=self._away.get(recorded.aggregate_id),
            sooner_s=max(0.0, (recorded.time - since).total_seconds()),
        )

    def _take_back(self, overtaken: Callable[[Wanted], bool]) -> None:
        for wanted in [wanted for wanted in self._wanted.values() if overtaken(wanted)]:
            del self._wanted[wanted.request_id]
            request = self._board.requests.get(wanted.request_id)
            if request is not None and request.held_until is not None:
                self._board.hold(request, None)
            seat = self._board.seat(wanted.agent_id)
            if seat.held_until is not None:
                self._board.hold_seat(seat, None)
