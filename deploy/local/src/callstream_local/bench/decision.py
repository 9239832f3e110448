"""What a decision costs in process: one of 1,000 agents becomes free, 200 callers wait.

Counted is from the agent's event to the match with its decision record: fold, reaction, match. What brings the state back (the
offer, the answer, the next caller, another agent's end of wrap-up) is folded too, as live, and not counted.
"""

import gc
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_events import OfferAnswered
from callstream.contracts.config import Agent, SkillGroup
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.queue_events import ContactLeft, ContactQueued, OfferMade
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.figures import p50_p99
from callstream_local.bench.part import Say, apart
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match, match
from callstream_routing.domain.policy import configure_agent, configure_group
from callstream_routing.domain.settle import settle

AGENTS, WAITING = 1_000, 200
DECISIONS, WARM_UP = 5_000, 500
TENANT, GROUP = "default", "bench"


async def measure(say: Say) -> dict[str, Any]:
    """See the module's docstring."""
    say(f"{DECISIONS} decisions, {AGENTS} agents, {WAITING} waiting")
    return {"decision_us": p50_p99(await apart(decide_often, DECISIONS))}


def decide_often(decisions: int) -> list[float]:
    """Microseconds of each decision, without the first WARM_UP ones."""
    room = WaitingRoom()
    for number in range(AGENTS):
        room.agent(str(number), AgentState.BUSY)
    for _ in range(WAITING):
        room.caller()
    gc.collect()
    gc.freeze()
    took = []
    for number in range(decisions + WARM_UP):
        found, microseconds = room.free(str(number % AGENTS))
        took.append(microseconds)
        room.answer(found)
        room.caller()
    return took[WARM_UP:]


class WaitingRoom:
    """routing's state, moved by events as in a process."""

    def __init__(self) -> None:
        self._hall = Hall()
        self._seq = itertools.count(1)
        self._calls = itertools.count(1)
        self._now = datetime(2026, 1, 1, 8, tzinfo=UTC)
        board = self._hall.board(TENANT)
        configure_group(board, GROUP, SkillGroup(id=GROUP, name="Bench"))
        for number in range(AGENTS):
            agent_id = str(number)
            document = Agent(id=agent_id, name=agent_id, email=f"{agent_id}@x", groups=(GROUP,), sip_user=agent_id)
            configure_agent(board, agent_id, document)

    def caller(self) -> None:
        """One more waits."""
        call_id = f"call-{next(self._calls):08d}"
        request = AgentRequested(
            request_id=f"{call_id}-r1",
            call_id=call_id,
            group_id=GROUP,
            caller="",
            called="",
            gateway="g",
            customer_leg_id="c",
            handled=0,
        )
        self._tell(call_id, request)
        queued = ContactQueued(call_id=call_id, group_id=GROUP, priority=3, enqueued_at=self._now, ahead=0)
        self._tell(request.request_id, queued)
        self._react()

    def agent(self, agent_id: str, state: AgentState, offer_id: str = "") -> None:
        """The agent is in another state."""
        self._tell(agent_id, _changed(state, offer_id))
        self._react()

    def free(self, agent_id: str) -> tuple[Match, float]:
        """The agent becomes idle: who is matched, and the microseconds until that is known."""
        recorded = self._recorded(agent_id, _changed(AgentState.IDLE))
        began = time.perf_counter_ns()
        self._hall.evolve(recorded)
        matches = self._react()
        took = (time.perf_counter_ns() - began) / 1000
        if [found.agent_id for found in matches] != [agent_id]:
            raise CannotMeasure(f"agent {agent_id} became free, and the matches were {matches}")
        return matches[0], took

    def answer(self, found: Match) -> None:
        """The agent is reserved, rung, and answers; the request is over."""
        self.agent(found.agent_id, AgentState.RINGING, found.offer_id)
        made = OfferMade(
            offer_id=found.offer_id,
            call_id=found.call_id,
            gateway="g",
            agent_id=found.agent_id,
            ring_deadline=self._now + timedelta(seconds=20),
            decision=found.decision,
        )
        self._tell(found.request_id, made)
        answered = OfferAnswered(offer_id=found.offer_id, request_id=found.request_id, agent_id=found.agent_id, leg_id="a")
        self._tell(found.call_id, answered)
        self.agent(found.agent_id, AgentState.BUSY, found.offer_id)
        left = ContactLeft(call_id=found.call_id, outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, waited_ms=0)
        self._tell(found.request_id, left)
        self._react()

    def _react(self) -> list[Match]:
        """As routing's reaction does, without its appends."""
        self._hall.wake(self._now)
        found: list[Match] = []
        for board in self._hall.take_touched():
            for request in board.take_dirty():
                if request.held_until is None:
                    settle(board, request, self._now)
            found += match(board, self._now)
        return found

    def _tell(self, aggregate_id: str, fact: Event) -> None:
        self._hall.evolve(self._recorded(aggregate_id, fact))

    def _recorded(self, aggregate_id: str, fact: Event) -> Recorded:
        seq = next(self._seq)
        self._now += timedelta(milliseconds=1)
        return Recorded(
            seq=seq,
            id=f"e{seq}",
            tenant=TENANT,
            aggregate=fact.AGGREGATE,
            aggregate_id=aggregate_id,
            time=self._now,
            event=fact,
        )


def _changed(state: AgentState, offer_id: str = "") -> AgentStateChanged:
    return AgentStateChanged(state=state, previous=AgentState.WRAP_UP, cause="bench", actor="system", offer_id=offer_id)
