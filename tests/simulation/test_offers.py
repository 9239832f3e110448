"""routing and agent-state under a bad network and kills: whatever happens, the log tells a sound story in the end.

Each case is one seed and replays exactly: `World(seed, rate)`.
"""

import asyncio

import pytest

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_events import CallEnded, LegEnded, OfferAnswered
from callstream.contracts.envelope import Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.outcome import call_of, fold_all
from callstream.contracts.queue_events import ContactLeft, ContactQueued, OfferMade, OfferWithdrawn
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import CallOutcome, RequestOutcome

from .offer_world import TENANT, World
from .virtual_loop import run_virtual

CALLERS = 40
TROUBLE_S = 60.0
AT_REST = {AgentState.OFFLINE, AgentState.IDLE, AgentState.BUSY_SET, AgentState.BREAK}


@pytest.mark.feature("F048")
@pytest.mark.parametrize("seed", range(40))
def test_a_history_with_kills_and_faults(seed: int) -> None:
    told = run_virtual(lambda: history(World(seed, fault_rate=0.05)))
    check_agents(told)
    check_requests(told)
    check_outcomes(told)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_replays_one_history(seed: int) -> None:
    first, second = [run_virtual(lambda: history(World(seed, fault_rate=0.05))) for _ in range(2)]
    assert [(r.id, r.event) for r in first] == [(r.id, r.event) for r in second]


async def history(world: World) -> list[Recorded]:
    """A minute of trouble, then rest: nobody may be left waiting, ringing or talking."""
    await world.gateway.start()
    await world.start("agent-state")
    await world.start("routing")
    people = [world.caller(n, world.random.uniform(0, TROUBLE_S)) for n in range(CALLERS)]
    people += [world.agent(agent_id, TROUBLE_S) for agent_id in world.agent_ids]
    everybody = [asyncio.create_task(work) for work in (*people, world.trouble(TROUBLE_S))]
    await asyncio.sleep(TROUBLE_S + 25)
    world.faults.calm()
    assert await world.until(lambda: nobody_is_forgotten(world), 5), "an agent is free, somebody waits, nothing happens"
    assert await world.until(lambda: states_are_true(world), 5), "an agent's state is not what the phones say"
    for call_id in list(world.gateway.calls):
        await world.gateway.end(call_id)
    await asyncio.gather(*everybody)
    assert await world.until(lambda: all_at_rest(world), 40), "somebody is stuck"
    assert world.log.dead_letters == []
    return await world.told()


def nobody_is_forgotten(world: World) -> bool:
    """No group has both a caller without an offer and an agent who could take them."""
    board = world.hall.board(TENANT)
    return not any(group.ready and group.free for group in board.groups.values())


def states_are_true(world: World) -> bool:
    """Busy is who is in talk; ringing is who has an offer."""
    seats = world.hall.board(TENANT).seats
    agents = world.roster.of_tenant(TENANT)
    busy_is_true = all((agent.state is AgentState.BUSY) == world.gateway.in_talk(agent.id) for agent in agents)
    return busy_is_true and all(seats[a.id].open_request for a in agents if a.state is AgentState.RINGING)


def all_at_rest(world: World) -> bool:
    agents = world.roster.of_tenant(TENANT)
    return not world.hall.board(TENANT).requests and all(agent.state in AT_REST and not agent.facts for agent in agents)


def check_agents(told: list[Recorded]) -> None:
    """One offer, one call at a time; an offer only from idle; each change goes on from the one before.

    An offer that stands behind the end of its call is none: nobody rings for it.
    """
    ended: set[str] = set()
    state: dict[str, AgentState] = {}
    open_offers: dict[str, str] = {}
    talking: dict[str, str] = {}
    answered: dict[str, tuple[str, str]] = {}
    for recorded in told:
        event = recorded.event
        if isinstance(event, AgentStateChanged):
            agent_id = recorded.aggregate_id
            assert event.previous == state.get(agent_id, AgentState.OFFLINE), recorded
            if event.state is AgentState.RINGING:
                assert event.previous is AgentState.IDLE, recorded
                assert agent_id not in talking, recorded
            state[agent_id] = event.state
        elif isinstance(event, CallEnded):
            ended.add(recorded.aggregate_id)
        elif isinstance(event, OfferMade) and event.call_id not in ended:
            assert event.agent_id not in open_offers, recorded
            assert event.agent_id not in talking, recorded
            open_offers[event.agent_id] = event.offer_id
        elif isinstance(event, OfferWithdrawn) and open_offers.get(event.agent_id) == event.offer_id:
            del open_offers[event.agent_id]
        elif isinstance(event, OfferAnswered) and open_offers.get(event.agent_id) == event.offer_id:
            assert event.agent_id not in talking, recorded
            talking[event.agent_id] = open_offers.pop(event.agent_id)
            answered[event.request_id] = (event.agent_id, event.offer_id)
        elif isinstance(event, LegEnded) and talking.get(event.agent_id) == event.offer_id:
            del talking[event.agent_id]
        elif isinstance(event, ContactLeft) and event.outcome is RequestOutcome.ANSWERED:
            assert (event.agent_id, event.offer_id) == answered[recorded.aggregate_id], recorded
    assert not open_offers
    assert not talking


def check_requests(told: list[Recorded]) -> None:
    """Queued once, left once, nothing behind it."""
    own: dict[str, list[str]] = {}
    for recorded in told:
        if recorded.aggregate == "queue":
            own.setdefault(recorded.aggregate_id, []).append(recorded.event.NAME)
    assert len(own) == CALLERS
    for events in own.values():
        assert (events[0], events[-1]) == (ContactQueued.NAME, ContactLeft.NAME)
        assert (events.count(ContactQueued.NAME), events.count(ContactLeft.NAME)) == (1, 1)


def check_outcomes(told: list[Recorded]) -> None:
    """routing and the fold that reporting uses agree about every call."""
    calls: dict[str, list[Recorded]] = {}
    left: dict[str, RequestOutcome] = {}
    for recorded in told:
        call_id = call_of(recorded)
        if call_id:
            calls.setdefault(call_id, []).append(recorded)
        if isinstance(recorded.event, ContactLeft):
            left[recorded.event.call_id] = recorded.event.outcome
    for call_id, events in calls.items():
        summary = fold_all(events)
        assert summary is not None
        order = [type(r.event) for r in events]
        ended = order.index(CallEnded)
        if ended < order.index(AgentRequested):
            continue  # for the call, a request behind its end is none
        lost_race = left[call_id] is RequestOutcome.FAILED and ended < order.index(ContactLeft)
        expected = CallOutcome.QUEUE_ABANDONED if lost_race else _AS_CALL[left[call_id]]
        assert summary.outcome == expected, (call_id, events)


_AS_CALL = {
    RequestOutcome.ANSWERED: CallOutcome.ANSWERED,
    RequestOutcome.ABANDONED: CallOutcome.QUEUE_ABANDONED,
    RequestOutcome.FAILED: CallOutcome.FAILED,
}
