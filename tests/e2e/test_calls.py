"""Calls through the whole system, one rule at a time, with the verdict of the demo over each."""

import asyncio

import pytest

from callstream.contracts import agent_events, call_events, ivr_events, queue_events
from callstream.contracts.envelope import Event
from callstream.contracts.facts import facts_in
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason
from callstream_local.demo.evidence import Evidence
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.verdict import judge
from callstream_local.phones.plans import Answer, LetRing, Reject
from callstream_local.phones.stories import Ending

from .conftest import OpenCentre, agent, caller

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def evidence_of(centre: Rehearsal) -> Evidence:
    """What all sides say once everything is over; nothing may be wrong with it."""
    await centre.perform()
    evidence = await centre.settle()
    assert judge(evidence).problems == []
    return evidence


def of_kind(evidence: Evidence, *kinds: type[Event]) -> list[Event]:
    return [fact for recorded in evidence.events for fact in facts_in(recorded.event) if isinstance(fact, kinds)]


def states(evidence: Evidence, agent_id: str) -> list[str]:
    """The states an agent went through."""
    return [
        recorded.event.state
        for recorded in evidence.events
        if recorded.aggregate_id == agent_id and isinstance(recorded.event, agent_events.AgentStateChanged)
    ]


@pytest.mark.feature("F015", "F039", "F041", "F050", "F060", "F085", "F175", "F198", "F227", "F240")
async def test_a_call_from_the_trunk_to_an_agents_desk_phone_and_back_to_idle(open_centre: OpenCentre) -> None:
    async with open_centre([caller()], [agent(0)]) as centre:
        evidence = await evidence_of(centre)
    (record,), (offer,) = evidence.records, evidence.offers
    assert (record.access_status, record.agent_id, record.group_id, record.hang_up_party) == (
        "answered",
        "1001",
        "sales",
        "customer",
    )
    assert offer.caller == record.caller == evidence.callers[0].caller
    assert evidence.callers[0].heard.tone_hz == evidence.offers[0].tone_hz
    assert states(evidence, "1001")[-4:] == ["ringing", "busy", "wrap-up", "idle"]
    assert record.recording_path is not None
    assert record.recording_path.startswith("main/")


@pytest.mark.feature("F015")
async def test_the_agent_hangs_up_and_the_record_says_so(open_centre: OpenCentre) -> None:
    async with open_centre([caller(talk_s=None)], [agent(0, Answer(after_s=0.1, talk_s=1.0))]) as centre:
        evidence = await evidence_of(centre)
    assert evidence.records[0].hang_up_party == "agent"
    assert evidence.callers[0].ending is Ending.PEER_HUNG_UP


@pytest.mark.feature("F079", "F080", "F081", "F082")
async def test_wrong_keys_and_silence_in_the_menu(open_centre: OpenCentre) -> None:
    """The demo's menu takes one error; the second one ends the call. A wrong key and a right one lead to an agent."""
    mended = caller(keys=("9", "2"), listen_ms=(1500, 600))
    wrong = caller(keys=("9", "8"), listen_ms=(1500, 600))
    silent = caller(keys=(), listen_ms=())
    async with open_centre([mended, wrong, silent], [agent(0)]) as centre:
        evidence = await evidence_of(centre)
    by_caller = {record.caller: record for record in evidence.records}
    assert (by_caller[mended.caller].access_status, by_caller[mended.caller].group_id) == ("answered", "support")
    for plan in (wrong, silent):
        record = by_caller[plan.caller]
        assert (record.access_status, record.reason, record.hang_up_party) == ("ivr-ended", "max-errors", "system")
    pressed = [e for e in of_kind(evidence, ivr_events.KeyPressed) if isinstance(e, ivr_events.KeyPressed)]
    assert sorted((key.key, key.branch) for key in pressed) == [("2", "Support"), ("8", ""), ("9", ""), ("9", "")]
    assert len(of_kind(evidence, ivr_events.InputTimedOut)) == 2


@pytest.mark.feature("F032", "F131")
async def test_a_missed_offer_goes_to_another_agent_who_answers(open_centre: OpenCentre) -> None:
    async with open_centre([caller()], [agent(0, LetRing()), agent(1)]) as centre:
        evidence = await evidence_of(centre)
    assert evidence.records[0].agent_id == "1002"
    assert [(offer.user, offer.ending) for offer in sorted(evidence.offers, key=lambda offer: offer.rang_at)] == [
        ("1001", Ending.CANCELLED),
        ("1002", Ending.PEER_HUNG_UP),
    ]
    (withdrawn,) = of_kind(evidence, queue_events.OfferWithdrawn)
    assert isinstance(withdrawn, queue_events.OfferWithdrawn)
    assert (withdrawn.agent_id, withdrawn.reason) == ("1001", Reason.RING_TIMEOUT)


async def test_a_rejected_call_goes_to_another_agent(open_centre: OpenCentre) -> None:
    async with open_centre([caller()], [agent(0, Reject()), agent(1)]) as centre:
        evidence = await evidence_of(centre)
    assert evidence.records[0].agent_id == "1002"
    (failed,) = of_kind(evidence, call_events.OfferFailed)
    assert isinstance(failed, call_events.OfferFailed)
    assert (failed.agent_id, failed.reason, failed.sip_status) == ("1001", Reason.AGENT_REJECTED, 486)


@pytest.mark.feature("F072", "F087")
async def test_callers_wait_in_their_order_and_one_leaves_the_queue(open_centre: OpenCentre) -> None:
    first, second, third = caller(talk_s=2.5), caller(after_s=1.0, patience_s=2.0), caller(after_s=1.5)
    async with open_centre([first, second, third], [agent(0)]) as centre:
        evidence = await evidence_of(centre)
    by_caller = {record.caller: record for record in evidence.records}
    assert [by_caller[plan.caller].access_status for plan in (first, second, third)] == [
        "answered",
        "queue-abandoned",
        "answered",
    ]
    ahead = [e.ahead for e in of_kind(evidence, queue_events.ContactQueued) if isinstance(e, queue_events.ContactQueued)]
    assert ahead == [0, 0, 1]


@pytest.mark.feature("F001", "F043")
async def test_nobody_is_offered_a_call_before_signing_in(open_centre: OpenCentre) -> None:
    plan = caller()
    async with open_centre([plan], [agent(0)]) as centre:
        await asyncio.to_thread(centre.api.post, "console", "/v1/agents/1001/sign-out", {})
        calling = asyncio.create_task(centre.perform())
        async with asyncio.timeout(20):
            while not centre.callers or centre.callers[0].story.keys != "1":
                await asyncio.sleep(0.1)
            while not any(isinstance(e.event, queue_events.ContactQueued) for e in centre.events):
                await asyncio.sleep(0.1)
        assert centre.network.phones["1001"].stories == []
        await asyncio.to_thread(centre.api.post, "console", "/v1/agents/1001/sign-in", {})
        await calling
        evidence = await centre.settle()
    assert judge(evidence).problems == []
    assert evidence.records[0].agent_id == "1001"
    made = next(e for e in evidence.events if isinstance(e.event, queue_events.OfferMade))
    idle = next(
        e
        for e in reversed(evidence.events[: evidence.events.index(made)])
        if isinstance(e.event, agent_events.AgentStateChanged) and e.event.state is AgentState.IDLE
    )
    assert idle.event.cause == "sign-in"  # type: ignore[attr-defined]
