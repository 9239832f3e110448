"""Measures decisions and restarts in process: `python -m callstream_routing.bench [decisions]` prints JSON.

A decision is all that routing does from the moment it knows that an agent is free until it knows the match, record included.
The waiting have several customer types, priorities and needs; a tenth of them may be served by two groups.
"""

import gc
import sys
import time
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.config import Agent, SkillGroup, SkillStep
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState, Criterion
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_routing.domain.board import Board
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.keep import Kept, restore, take
from callstream_routing.domain.match import Match, match
from callstream_routing.domain.policy import configure_agent, configure_group

TENANT = "bench"
AGENTS, GROUPS, WAITING, DECISIONS = 5_000, 50, 10_000, 20_000
GROWTH = (100, 1_000, 10_000, 100_000)
NEEDS: tuple[dict[str, int], ...] = ({}, {}, {}, {"billing": 1}, {"billing": 3}, {"french": 2})
RELAX = (SkillStep(after_s=30, skills={}),)
RANKS = (
    (Criterion.LONGEST_IDLE,),
    (Criterion.FEWEST_CALLS,),
    (Criterion.AGENT_PRIORITY, Criterion.FEWEST_CALLS),
    (Criterion.SKILL_LEVEL, Criterion.AGENT_LEVEL),
    (Criterion.ANSWER_RATE,),
)


class Percentiles(msgspec.Struct, frozen=True):
    """Microseconds."""

    p50: float
    p99: float
    mean: float


class Floor:
    """A call centre in which everybody is busy and many wait. Deterministic by its seed."""

    def __init__(self, waiting: int, agents: int = AGENTS, groups: int = GROUPS, seed: int = 1) -> None:
        self.random = Random(seed)
        self.hall = Hall()
        self.now = datetime(2026, 1, 5, 8, tzinfo=UTC)
        self.seq = 0
        self.groups = [f"g{number}" for number in range(groups)]
        self.agents = [f"{1000 + number}" for number in range(agents)]
        configure(self.board, self.groups, self.agents)
        for agent_id in self.agents:
            self.state(agent_id, AgentState.BUSY)
        for _ in range(waiting):
            self.ask()

    @property
    def board(self) -> Board:
        return self.hall.board(TENANT)

    def tell(self, fact: Event, of: str) -> None:
        """One event more of the log."""
        self.seq += 1
        self.hall.evolve(
            Recorded(
                seq=self.seq,
                id=f"e{self.seq}",
                tenant=TENANT,
                aggregate=fact.AGGREGATE,
                aggregate_id=of,
                time=self.now,
                event=fact,
            )
        )

    def state(self, agent_id: str, state: AgentState, offer_id: str = "") -> None:
        """An agent changes state."""
        self.tell(
            AgentStateChanged(state=state, previous=AgentState.IDLE, cause="bench", actor="bench", offer_id=offer_id), agent_id
        )

    def ask(self) -> None:
        """One caller more, queued."""
        self.now += timedelta(milliseconds=7)
        pick, name = self.random, f"r{self.seq}"
        group = pick.choice(self.groups)
        other = (pick.choice(self.groups),) if pick.random() < 0.1 else ()
        also = tuple(found for found in other if found != group)
        fact = AgentRequested(
            request_id=name,
            call_id=f"c{self.seq}",
            group_id=group,
            also_groups=also,
            caller=f"+86139{pick.randrange(10**8):08}",
            called="+861012345678",
            gateway="gw",
            customer_leg_id="leg",
            handled=0,
            priority=pick.choice((0, 0, 0, 5)),
            skills=pick.choice(NEEDS),
            relax=RELAX,
        )
        self.tell(fact, fact.call_id)
        queued = queue.ContactQueued(
            call_id=fact.call_id,
            group_id=group,
            groups=(group, *also),
            priority=fact.priority,
            enqueued_at=self.now,
            ahead=0,
            level=pick.choice((0, 0, 0, 3, 9)),
            estimate_ms=60_000,
        )
        self.tell(queued, name)

    def serve(self, found: Match) -> None:
        """The match becomes an offer, is answered and leaves; a new caller takes the free place."""
        self.now += timedelta(milliseconds=3)
        request = self.board.requests[found.request_id]
        self.state(found.agent_id, AgentState.RINGING, found.offer_id)
        made = queue.OfferMade(
            offer_id=found.offer_id,
            call_id=found.call_id,
            gateway="gw",
            agent_id=found.agent_id,
            ring_deadline=self.now + timedelta(seconds=30),
            decision=found.decision,
        )
        self.tell(made, request.id)
        answered = call.OfferAnswered(
            offer_id=found.offer_id, request_id=request.id, agent_id=found.agent_id, leg_id=f"leg-{found.agent_id}"
        )
        self.tell(answered, found.call_id)
        left = queue.ContactLeft(
            call_id=found.call_id, outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, waited_ms=60_000, estimate_ms=60_000
        )
        self.tell(left, request.id)
        self.state(found.agent_id, AgentState.BUSY, found.offer_id)
        self.ask()


def configure(board: Board, groups: list[str], agents: list[str]) -> None:
    """Groups of several rankings, agents in one to three of them; always the same."""
    pick = Random(7)
    for number, group in enumerate(groups):
        configure_group(board, group, SkillGroup(id=group, name=group, level=number % 3, rank_by=RANKS[number % len(RANKS)]))
    for agent_id in agents:
        document = Agent(
            id=agent_id,
            name=agent_id,
            email="a@example.org",
            sip_user=agent_id,
            groups=tuple(pick.sample(groups, min(len(groups), pick.choice((1, 1, 2, 3))))),
            level=pick.randrange(5),
            skills=pick.choice(({}, {"billing": 2}, {"billing": 5}, {"billing": 1, "french": 3})),
        )
        configure_agent(board, agent_id, document)


def decide(floor: Floor, decisions: int) -> list[float]:
    """Microseconds from "this agent is free" to the match, for agents who become free one after the other."""
    board, taken = floor.board, []
    for _ in range(decisions):
        agent_id = floor.random.choice(floor.agents)
        floor.now += timedelta(milliseconds=3)
        floor.state(agent_id, AgentState.IDLE)
        board.dirty.clear()
        began = time.perf_counter_ns()
        found = next(match(board, floor.now), None)
        taken.append((time.perf_counter_ns() - began) / 1000)
        if found is None:
            floor.state(agent_id, AgentState.BUSY)
        else:
            floor.serve(found)
    return taken


def percentiles(taken: list[float]) -> Percentiles:
    """p50, p99 and mean."""
    taken = sorted(taken)
    return Percentiles(
        p50=round(taken[len(taken) // 2], 1),
        p99=round(taken[len(taken) * 99 // 100], 1),
        mean=round(sum(taken) / len(taken), 1),
    )


def decisions_large(decisions: int = DECISIONS) -> list[float]:
    """Microseconds of each decision with 5,000 agents in 50 groups and 10,000 waiting."""
    floor = Floor(WAITING)
    _settle_memory()
    return decide(floor, decisions)


def decision_growth(decisions: int = DECISIONS) -> list[tuple[int, float]]:
    """(waiting, median microseconds), with agents and groups as above."""
    grown = []
    for waiting in GROWTH:
        floor = Floor(waiting)
        _settle_memory()
        grown.append((waiting, percentiles(decide(floor, decisions // 4)).p50))
    return grown


def restart_s() -> float:
    """Seconds from a snapshot's bytes to a state that has decided once: 5,000 agents, 10,000 waiting."""
    floor = Floor(WAITING)
    kept = msgspec.msgpack.encode(take(floor.hall))
    hall = Hall()
    began = time.perf_counter()
    configure(hall.board(TENANT), floor.groups, floor.agents)
    restore(hall, msgspec.msgpack.decode(kept, type=Kept))
    list(match(hall.board(TENANT), floor.now))
    return round(time.perf_counter() - began, 3)


def _settle_memory() -> None:
    """The state itself is not garbage: keep collections from walking through it, and run them as rarely, as a service does
    after its start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def main() -> None:
    """Everything, as JSON."""
    decisions = int(sys.argv[1]) if len(sys.argv) > 1 else DECISIONS
    results = {
        "decision_us_large": percentiles(decisions_large(decisions)),
        "decision_growth": decision_growth(decisions),
        "restart_s": restart_s(),
    }
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(results)).decode() + "\n")


if __name__ == "__main__":
    main()
