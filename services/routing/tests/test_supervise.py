"""Supervisors' actions on waiting requests: what is possible when, and what becomes of it."""

from itertools import product

import pytest

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.commands import AssignAgent, StopRequest
from callstream.contracts.envelope import NewEvent
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.event_store import VersionConflict
from callstream.runtime.memory_store import MemoryStore
from callstream_routing.app.on_supervise import Supervise
from callstream_routing.domain.supervise import ALLOWED, Action, Standing, check, check_able, standing

from .story import TENANT, Story


def stop(story: Story, name: str, actor: str = "boss") -> None:
    request = check(story.board, name, Action.STOP)
    story.tell(queue.RequestStopAsked(call_id=request.call_id, actor=actor), name)


def assign(story: Story, name: str, agent_id: str, actor: str = "boss") -> None:
    request = check(story.board, name, Action.ASSIGN)
    check_able(story.board, agent_id)
    story.tell(queue.AgentAssigned(call_id=request.call_id, agent_id=agent_id, actor=actor), name)


def test_the_table_says_what_is_possible_when() -> None:
    refused = set(product(Action, Standing)) - ALLOWED
    assert refused == {
        (Action.ASSIGN, Standing.ARRIVING),
        (Action.ASSIGN, Standing.BEING_OFFERED),
        (Action.ASSIGN, Standing.OFFERED),
        (Action.ASSIGN, Standing.RESTING),
        (Action.ASSIGN, Standing.CALLING_BACK),
        (Action.STOP, Standing.CALLING_BACK),
    }


@pytest.mark.feature("F211")
def test_a_stopped_request_ends_by_the_supervisor_and_gets_no_agent() -> None:
    story = Story(sales=["1001"])
    story.request("a")
    stop(story, "a")
    assert story.events("a")[-2:] == ["stop-asked", "left stopped supervisor"]
    story.idle("1001")
    assert story.offers() == []
    with pytest.raises(Refusal) as caught:
        stop(story, "a")
    assert caught.value.reason is Reason.UNKNOWN_CALL


@pytest.mark.feature("F211")
def test_a_stopped_request_withdraws_its_ringing_offer() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("a")
    stop(story, "a")
    assert story.events("a")[-3:] == ["stop-asked", "offer-withdrawn supervisor", "left stopped supervisor"]


@pytest.mark.feature("F211")
def test_an_answer_that_stands_before_the_stop_has_won() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("a")
    story.paused = True
    story.answered("a")
    story.tell(queue.RequestStopAsked(call_id="c-a", actor="boss"), "a")
    story.paused = False
    story.react()
    assert story.events("a")[-1] == "left answered answered"


@pytest.mark.feature("F211")
def test_an_answer_that_stands_between_the_stop_and_the_withdrawal_has_won() -> None:
    """Found by tests/simulation: agent and caller were in talk, and routing told that the request was stopped."""
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("a")
    offer = story.offer("a")
    story.paused = True
    story.tell(queue.RequestStopAsked(call_id="c-a", actor="boss"), "a")
    story.answered("a")
    withdrawn = queue.OfferWithdrawn(offer_id=offer.offer_id, call_id="c-a", agent_id="1001", reason=Reason.SUPERVISOR)
    story.tell(withdrawn, "a")
    story.paused = False
    story.react()
    assert story.events("a")[-1] == "left answered answered"


@pytest.mark.feature("F212")
def test_an_assigned_agent_is_offered_the_call_at_once_before_all_rules() -> None:
    """The last in the line, and an agent of another group who has been idle for the shortest time."""
    story = Story(sales=[], other=["2001", "2002"])
    story.request("a")
    story.request("b")
    story.idle("2001", "2002")
    assign(story, "b", "2002")
    assert story.offers() == ["b→2002"]
    decision = story.offer("b").decision
    assert (decision.rule, decision.preferred) == ("supervisor", {"supervisor": "2002"})
    assert story.restarted().events("b") == story.events("b")


@pytest.mark.feature("F212")
@pytest.mark.parametrize("state", ["busy-set", "break", "busy", "wrap-up", "offline", "ringing"])
def test_an_agent_who_is_not_able_is_refused_with_the_reason(state: str) -> None:
    story = Story(sales=["1001"], other=[])
    story.request("a")
    story.state("1001", state)
    with pytest.raises(Refusal, match=f"state:{state}") as caught:
        assign(story, "a", "1001")
    assert (caught.value.reason, caught.value.field) == (Reason.ILLEGAL_STATE, "agent_id")
    assert story.offers() == []


@pytest.mark.feature("F212")
def test_a_request_that_rings_somebody_already_is_not_assigned() -> None:
    story = Story(sales=["1001"], other=["2001"])
    story.idle("1001", "2001")
    story.request("a")
    with pytest.raises(Refusal, match="offered") as caught:
        assign(story, "a", "2001")
    assert caught.value.reason is Reason.ILLEGAL_STATE
    with pytest.raises(Refusal) as caught:
        assign(story, "nobody", "2001")
    assert caught.value.reason is Reason.UNKNOWN_CALL
    with pytest.raises(Refusal, match="unknown"):
        check_able(story.board, "9999")


@pytest.mark.feature("F212")
def test_an_assigned_agent_who_does_not_answer_leaves_the_request_its_place() -> None:
    story = Story(sales=["1001"], other=["2001"])
    story.request("a")
    story.idle("2001")
    assign(story, "a", "2001")
    story.later(30)
    story.state("1001", "idle")
    assert story.offers() == ["a→2001", "a→1001"]


@pytest.mark.feature("F214")
def test_a_transferred_customer_is_offered_to_the_target_then_to_the_group() -> None:
    story = Story(sales=["1001", "1002"], other=["2001"])
    story.idle("1001")
    story.request("a")
    story.answered("a")
    story.idle("1002", "2001")
    story.tell(transfer(), "c-a")
    assert story.offers()[1:] == ["t1→2001"], "the target goes before the group's own agents"
    story.later(30)
    assert story.offers()[2:] == ["t1→1002"], "the target has not answered: the group takes over"
    assert story.events("t1")[0] == "queued"
    story.tell(transfer(), "c-a")
    assert len([e for e in story.events("t1") if e == "queued"]) == 1, "told twice, queued once"


@pytest.mark.feature("F214")
def test_a_transferred_customer_who_hangs_up_leaves_the_queue() -> None:
    story = Story(sales=["1001"], other=["2001"])
    story.idle("1001")
    story.request("a")
    story.answered("a")
    story.tell(transfer(), "c-a")
    story.call_ended("a")
    assert story.events("t1")[-1] == "left abandoned caller-hung-up"


def transfer() -> call.TransferStarted:
    return call.TransferStarted(
        request_id="t1", agent_id="1001", target_agent_id="2001", actor="boss", caller="", gateway="gw", customer_leg_id="leg"
    )


# the commands


class Log(MemoryStore):
    """Refuses the first `conflicts` appends."""

    conflicts = 0

    async def append(self, aggregate: str, aggregate_id: str, tenant: str, events: object, expected: int | None) -> int:  # type: ignore[override]
        if self.conflicts:
            self.conflicts -= 1
            raise VersionConflict(tenant, aggregate, aggregate_id, expected)
        self.taken: list[NewEvent] = [*getattr(self, "taken", []), *events]  # type: ignore[misc]
        return 99


@pytest.mark.feature("F211", "F212")
async def test_a_command_appends_its_event_with_the_actor_also_after_a_conflict() -> None:
    story = Story(sales=[], other=["1001"])
    story.request("a")
    story.idle("1001")
    log = Log()
    log.conflicts = 2
    supervise = Supervise(story.hall, log, story.clock)
    await supervise.assign(AssignAgent(command_id="c1", request_id="a", agent_id="1001", actor="boss"), TENANT)
    await supervise.stop(StopRequest(command_id="c2", request_id="a", actor="boss"), TENANT)
    assert [(new.event.NAME, new.causation_id, getattr(new.event, "actor", "")) for new in log.taken] == [
        ("assigned", "c1", "boss"),
        ("stop-asked", "c2", "boss"),
    ]
    assert standing(story.board.requests["a"]) is Standing.WAITING
    log.conflicts = 1000
    with pytest.raises(Refusal) as caught:
        await supervise.stop(StopRequest(command_id="c3", request_id="a", actor="boss"), TENANT)
    assert caught.value.reason is Reason.CONFLICT
