"""Whatever comes in whatever order, doubled, late or foreign: one offer for each agent and request, every request ends once."""

from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callstream.contracts import call_events as call
from callstream.contracts.agent_events import AgentPresenceChanged, AgentStateChanged
from callstream.contracts.config import CallbackPolicy, Customer, CustomerType, ServiceLevel, SkillStep
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.queue_events import (
    AgentAssigned,
    CallbackTried,
    Candidate,
    ContactLeft,
    ContactQueued,
    OfferMade,
    OfferWithdrawn,
    RequestStopAsked,
)
from callstream.contracts.states import AgentState, Criterion, Presence
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream_routing.domain.keep import OF_THE_LOG
from callstream_routing.domain.request import Request
from callstream_routing.domain.stages import Stage
from callstream_routing.domain.supervise import Action, check, check_able

from .story import Story

NAMES = [f"r{n}" for n in range(6)]
BACKS = [f"{name}-back" for name in NAMES]
AGENTS = ["1001", "1002", "1003"]
names, agents = st.sampled_from(NAMES), st.sampled_from(AGENTS)
either = st.sampled_from(NAMES + BACKS)
reasons = st.sampled_from(["no-answer", "busy", "agent-hung-up", "gateway-lost"])

groups = st.sampled_from(["sales", "support", "nowhere"])
needs = st.sampled_from([{}, {}, {}, {"billing": 1}, {"billing": 3}, {"billing": 2, "french": 1}])
callers = st.sampled_from(["", "+8613900000001", "+8613900000002", "+8613900000003"])
RELAX = (SkillStep(after_s=5, skills={"billing": 1}), SkillStep(after_s=31))
TYPES = (
    CustomerType(id="vip", name="VIP", level=9, groups=("support", "sales")),
    CustomerType(id="gold", name="Gold", level=2),
    Customer(number="+8613900000001", type="vip"),
    Customer(number="+8613900000002", type="gold"),
)

requests = st.fixed_dictionaries(
    {},
    optional={
        "caller": callers,
        "also_groups": st.just(("support",)),
        "skills": needs,
        "relax": st.just(RELAX),
        "preferred_agent": agents,
    },
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "level": st.integers(0, 2),
        "rank_by": st.lists(st.sampled_from(list(Criterion)), unique=True, max_size=3).map(tuple),
        "last_agent_first": st.booleans(),
        "ageing_s": st.sampled_from([0, 10]),
        "service_level": st.sampled_from([None, ServiceLevel(share=0.5, within_s=5)]),
        "max_waiting": st.integers(0, 2),
        "max_wait_s": st.sampled_from([0, 6, 40]),
        "overflow": st.sampled_from([(), ("sales",), ("support", "sales"), ("nowhere",)]),
        "resume_s": st.sampled_from([0, 60]),
        "callback": st.builds(
            CallbackPolicy, attempts=st.integers(1, 2), retry_s=st.just(10), expires_s=st.sampled_from([60, 600])
        ),
    },
)
abilities = st.fixed_dictionaries(
    {},
    optional={
        "skills": st.sampled_from([{}, {"billing": 2}, {"billing": 5, "french": 2}]),
        "level": st.integers(0, 3),
        "priorities": st.sampled_from([{}, {"sales": 1, "support": 5}]),
    },
)

steps = st.one_of(
    st.tuples(st.just("request"), names, groups, st.integers(0, 2), requests),
    st.tuples(st.just("request"), names, groups, st.integers(0, 2), requests),
    st.tuples(st.just("set_group"), st.sampled_from(["sales", "support"]), policies),
    st.tuples(st.just("set_agent"), agents, abilities),
    st.tuples(st.just("dialled"), agents, callers),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("state"), agents, st.sampled_from([state.value for state in AgentState])),
    st.tuples(st.just("idle"), agents),
    st.tuples(st.just("idle"), agents),
    st.tuples(st.sampled_from(["answered", "failed"]), either, st.integers(0, 2)),
    st.tuples(st.sampled_from(["answered", "reached", "not_reached"]), st.sampled_from(BACKS), st.integers(0, 1), reasons),
    st.tuples(st.just("asks_back"), names, callers),
    st.tuples(st.just("call_ended"), names),
    st.tuples(st.just("later"), st.sampled_from([1, 5, 30])),
    st.tuples(st.just("refuse"), st.sets(agents, max_size=1)),
    st.tuples(st.just("disable"), st.sampled_from(["sales", "support"]), st.booleans()),
    st.tuples(st.just("again"), st.integers(0, 200)),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("stop"), either),
    st.tuples(st.just("assign"), either, agents),
    st.tuples(st.just("presence"), agents, st.sampled_from(list(Presence)), st.booleans()),
)


def play(story: Story, step: tuple[Any, ...]) -> None:
    """One step of a caller, an agent, the gateway, an administrator, or the log's own repetition."""
    name, *given = step
    if name in ("answered", "failed", "reached", "not_reached"):
        offers = [match for match in story.matches if match.request_id == given[0]]
        if offers:
            offer = offers[-1 - given[1] % len(offers)]  # the present one, or a late word about an earlier one
            if name == "answered":
                story.answered(given[0], offer.offer_id)
            elif name == "failed":
                story.failed(given[0])
            elif name == "reached":
                story.reached(given[0])
            else:
                story.not_reached(given[0], given[2])
    elif name == "asks_back":
        if any(r.aggregate_id == f"c-{given[0]}" for r in story.told):
            story.asks_back(*given)
    elif name == "request":
        request_id, group, priority, more = given
        wanted = dict(more)
        if "relax" in wanted and "skills" not in wanted:
            wanted["skills"] = {"billing": 3}
        story.request(request_id, group, priority, **wanted)
    elif name in ("set_group", "set_agent"):
        getattr(story, name)(given[0], **given[1])
    elif name == "snapshot":
        check_snapshot(story)
    elif name == "refuse":
        story.refusing = given[0]
    elif name == "disable":
        story.set_group(given[0], enabled=given[1])
    elif name == "again":
        told = [recorded for recorded in story.told if recorded.aggregate in ("call", "ivr")]
        if told:
            recorded = told[given[0] % len(told)]
            story.tell(recorded.event, recorded.aggregate_id)
    elif name in ("stop", "assign"):
        supervise(story, name, *given)
    elif name == "presence":
        agent_id, presence, reachable = given
        fact = AgentPresenceChanged(presence=presence, cause="", session_id="tab", reachable=reachable)
        story.tell(fact, agent_id)
    elif name == "pause":
        story.paused = given[0]
        story.react()
    else:
        getattr(story, name)(*given)


def supervise(story: Story, action: str, name: str, agent_id: str = "") -> None:
    """A supervisor's command: refused, or its event in the log."""
    before = len(story.told)
    try:
        request = check(story.board, name, Action(action))
        if action == "assign":
            check_able(story.board, agent_id)
    except Refusal:
        assert len(story.told) == before
        return
    event = AgentAssigned(call_id=request.call_id, agent_id=agent_id, actor="boss")
    story.tell(RequestStopAsked(call_id=request.call_id, actor="boss") if action == "stop" else event, name)


def check_indexes(story: Story) -> None:
    """What makes it fast says the same as what it was made from."""
    board = story.board
    for group in board.groups.values():
        requests = [request for request in board.requests.values() if group.id in request.groups and not request.resting]
        ageing_s = group.policy.ageing_s
        assert list(group.line) == sorted(request.place(ageing_s) for request in requests)
        members = [seat for seat in board.seats.values() if group.id in seat.groups]
        free = [seat for seat in members if seat.why_not() == ""]
        for need in {(), *(request.need for request in requests)}:
            desk = group.desks[need]
            assert list(desk.ready) == sorted(
                request.place(ageing_s) for request in requests if request.ready and request.need == need
            )
            assert desk.head == (desk.ready[0] if desk.ready else None)
            key = group.ranking.key
            assert list(desk.free) == sorted(key(seat, group.id, need, board.today) for seat in free if not seat.lacks(need))
        assert group.desks.keys() == {(), *(request.need for request in requests)}
        kept = {agent_id: (label, named) for label, agents in group.kept.items() for agent_id, named in agents.items()}
        unfree = {seat.id: seat.why_not() for seat in members if seat.why_not()}
        assert kept == {agent_id: (label, Candidate(agent_id=agent_id, why_not=label)) for agent_id, label in unfree.items()}
        assert group.members == {seat.id: seat for seat in members}
    for request in board.requests.values():
        if request.offer is not None and request.ending is None and not calling_back(request):
            assert request.offer.deadline > story.clock.now() or story.paused


def calling_back(request: Request) -> bool:
    return request.callback is not None and request.callback.stage is Stage.CALLING


def check_nobody_is_forgotten(story: Story) -> None:
    """Whoever can be offered to somebody who can take it has been."""
    if story.paused:
        return
    for request in story.board.requests.values():
        if request.own_call:
            assert request.id in story.board.of_call[request.own_call]
        if request.callback is not None:
            assert request.id in story.board.callbacks[request.caller]
            assert request.resting == (request.places == {})
        for group_id in request.groups if request.ready else ():
            group = story.board.groups[group_id]
            able = [seat.id for seat in group.members.values() if not seat.why_not() and not seat.lacks(request.need)]
            assert not group.open or not able, f"{request.id} waits although {able} are free"


def check_snapshot(story: Story) -> None:
    """A state put back from its snapshot is the state."""
    again = story.kept_and_restored()
    check_indexes(again)
    for group_id, group in story.board.groups.items():
        other = again.board.group(group_id)
        assert list(other.line) == list(group.line)
        counted = [story.board.requests[request_id] for request_id in group.admitted]
        assert other.admitted >= {request.id for request in counted if request.queued and request.ending is None}
        assert list(other.target.recent) == list(group.target.recent)
    assert again.board.of_call == story.board.of_call
    assert again.board.callbacks == story.board.callbacks
    for seat in story.board.seats.values():
        told = again.board.seats[seat.id]
        assert [getattr(told, name) for name in OF_THE_LOG] == [getattr(seat, name) for name in OF_THE_LOG]


def check_log(story: Story) -> None:
    """Offers to idle agents only, one at a time for agent and request; one end for each request and nothing behind it."""
    ringing: dict[str, str] = {}
    by_request: dict[str, str] = {}
    open_offer: dict[str, str] = {}
    answered: dict[str, str] = {}
    left: set[str] = set()
    called_back: set[str] = set()
    queued_at: dict[str, datetime] = {}
    for recorded in story.told:
        event = recorded.event
        if recorded.aggregate == "queue":
            assert recorded.aggregate_id not in left, "something stands behind the end"
        if isinstance(event, ContactQueued):
            queued_at[recorded.aggregate_id] = event.enqueued_at
            if event.callback is not None:
                assert event.enqueued_at <= queued_at[event.callback.of], "a callback has lost its place"
        if isinstance(event, AgentStateChanged):
            ringing[recorded.aggregate_id] = event.offer_id if event.state is AgentState.RINGING else ""
        elif isinstance(event, OfferMade):
            assert ringing[event.agent_id] == event.offer_id
            assert event.agent_id not in by_request.values()
            assert recorded.aggregate_id not in by_request
            by_request[recorded.aggregate_id] = event.agent_id
            open_offer[recorded.aggregate_id] = event.offer_id
        elif isinstance(event, call.OfferAnswered) and open_offer.get(event.request_id) == event.offer_id:
            answered.setdefault(event.request_id, event.offer_id)
        elif isinstance(event, CallbackTried):
            if event.attempt_call_id:
                del open_offer[recorded.aggregate_id]
                del by_request[recorded.aggregate_id]
        elif isinstance(event, OfferWithdrawn):
            del open_offer[recorded.aggregate_id]
            del by_request[recorded.aggregate_id]
        elif isinstance(event, ContactLeft):
            left.add(recorded.aggregate_id)
            if event.reason is Reason.CALLBACK:
                called_back.add(f"{recorded.aggregate_id}-back")
            if event.outcome is RequestOutcome.ANSWERED:
                assert event.offer_id == answered[recorded.aggregate_id]
            by_request.pop(recorded.aggregate_id, None)
    requested = {r.event.request_id for r in story.told if isinstance(r.event, AgentRequested)}
    assert left == requested | called_back


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=50))
def test_any_history(steps: list[tuple[Any, ...]]) -> None:
    story = Story(sales=["1001", "1002"], support=["1002", "1003"])
    story.set(*TYPES)
    for step in steps:
        play(story, step)
        check_indexes(story)
        check_nobody_is_forgotten(story)
    play(story, ("pause", False))
    assert not any(group.first() for group in story.board.groups.values())
    again = story.restarted()
    assert again.board.requests.keys() == story.board.requests.keys() or story.board.groups["sales"].open is False
    for name in NAMES:
        if any(isinstance(r.event, call.CallEnded) and r.aggregate_id == f"c-{name}" for r in story.told):
            continue
        story.call_ended(name)
    for name in list(story.board.requests):  # only callbacks outlive their calls
        assert name in BACKS
        if (attempt := story.board.requests[name].own_call) and calling_back(story.board.requests[name]):
            story.tell(call.CallEnded(reason=Reason.NO_ANSWER, party=Party.SYSTEM), attempt)
    story.later(86_400)
    story.later(31)
    assert story.board.requests == {}
    assert story.board.of_call == {}
    assert story.board.callbacks == {}
    check_log(story)
