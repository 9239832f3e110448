"""The life of one request: queued, offered, withdrawn, left. Each ends once, with one outcome."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from callstream.contracts.config import Audio, SkillGroup, Speech
from callstream.contracts.queue_events import ContactLeft, ContactQueued, OfferMade, OfferWithdrawn
from callstream.kernel.ids import is_token
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_routing.domain.match import match
from callstream_routing.domain.prompts import for_agent

from .story import Story


@pytest.mark.feature("F118")
def test_one_request_from_queue_to_answer() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    assert story.events("r1") == ["queued", "offer-made"]
    story.later(3)
    story.answered("r1")
    assert story.events("r1") == ["queued", "offer-made", "left answered answered"]
    left = story.last("r1")
    assert isinstance(left, ContactLeft)
    assert (left.agent_id, left.waited_ms) == ("1001", 3000)
    assert story.board.requests == {}
    story.call_ended("r1")
    story.request("r1")  # told again, late
    assert story.events("r1") == ["queued", "offer-made", "left answered answered"]


@pytest.mark.feature("F118")
def test_an_agent_in_no_group_is_never_offered_anything() -> None:
    story = Story(sales=["1001"])
    story.idle("1009")
    story.request("r1")
    assert story.events("r1") == ["queued"]
    story.idle("1001")
    assert story.offers() == ["r1→1001"]


@pytest.mark.feature("F118", "F128")
def test_a_group_that_is_not_there_or_disabled_serves_nobody() -> None:
    story = Story(sales=["1001"], support=["1001"])
    story.set(SkillGroup(id="support", name="Support", enabled=False))
    story.idle("1001")
    for name, group in (("r1", "support"), ("r2", "nowhere")):
        story.request(name, group)
        assert story.events(name) == ["queued", "left failed unknown-group"]


@pytest.mark.feature("F128")
def test_who_waits_in_a_group_that_is_disabled_leaves_and_who_is_offered_stays() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    story.request("r2")
    story.set(SkillGroup(id="sales", name="Sales", enabled=False))
    story.react()
    assert story.events("r1") == ["queued", "offer-made"]
    assert story.events("r2") == ["queued", "left failed unknown-group"]


@pytest.mark.feature("F032", "F131")
def test_an_offer_that_rings_out_goes_to_another_agent() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.request("r1")
    assert story.offers() == ["r1→1001"]
    story.later(29.9)
    assert story.events("r1") == ["queued", "offer-made"]
    story.later(0.1)
    assert story.events("r1") == ["queued", "offer-made", "offer-withdrawn ring-timeout", "offer-made"]
    assert story.offers() == ["r1→1001", "r1→1002"]
    withdrawn = next(r.event for r in story.told if isinstance(r.event, OfferWithdrawn))
    assert withdrawn.rang_ms == 30_000


@pytest.mark.feature("F033", "F131")
def test_a_requeued_caller_keeps_the_place() -> None:
    """D9."""
    story = Story(sales=["1001", "1002"])
    story.idle("1001")
    story.request("early")
    story.later(1)
    story.request("late")
    story.later(29)  # early rang out at 1001, who goes on break
    story.state("1001", "break")
    assert story.events("early") == ["queued", "offer-made", "offer-withdrawn ring-timeout"]
    assert [place[-1] for place in story.board.group("sales").line] == ["early", "late"]
    story.idle("1002")
    assert story.offers() == ["early→1001", "early→1002"]


@pytest.mark.feature("F131")
def test_the_same_agent_is_offered_again_only_when_there_is_no_other() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.state("1002", "busy-set")
    story.request("r1")
    story.paused = True
    story.later(30)
    story.paused = False
    story.react()  # withdrawn
    story.state("1001", "idle")
    assert story.offers() == ["r1→1001", "r1→1001"]
    story.paused = True
    story.later(30)
    story.state("1002", "idle")  # 1001 has been idle for longer, but had this call already
    story.paused = False
    story.react()
    story.state("1001", "idle")
    assert story.offers()[2:] == ["r1→1002"]


@pytest.mark.parametrize(
    ("reason", "party", "left"),
    [
        ("caller-hung-up", "customer", "abandoned caller-hung-up"),
        ("caller-cancelled", "customer", "abandoned caller-cancelled"),
        ("normal", "customer", "abandoned caller-hung-up"),
        ("left-by-key", "system", "abandoned left-by-key"),
        ("supervisor", "supervisor", "stopped supervisor"),
        ("gateway-lost", "system", "failed gateway-lost"),
    ],
)
@pytest.mark.parametrize("offered", [True, False])
def test_a_call_that_ends_takes_its_request_along(reason: str, party: str, left: str, offered: bool) -> None:
    story = Story(sales=["1001"])
    if offered:
        story.idle("1001")
    story.request("r1")
    story.later(5)
    story.call_ended("r1", reason, party)
    withdrawn = [f"offer-withdrawn {left.split()[1]}"] if offered else []
    assert story.events("r1") == ["queued", *(["offer-made"] if offered else []), *withdrawn, f"left {left}"]
    assert isinstance(story.last("r1"), ContactLeft)
    assert story.board.requests == {}
    if offered:
        story.state("1001", "idle")
        story.request("r2")
        assert story.offers() == ["r1→1001", "r2→1001"]


def test_a_request_behind_the_end_of_its_call_leaves_at_once() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.call_ended("r1")
    story.request("r1")
    assert story.events("r1") == ["queued", "left abandoned caller-hung-up"]


@pytest.mark.parametrize("lagging", [False, True])
@pytest.mark.parametrize(
    ("name", "first", "second", "events"),
    [
        ("answer, then the caller leaves", "answered", "call_ended", ["left answered answered"]),
        ("the caller leaves, then the answer", "call_ended", "answered",
         ["offer-withdrawn caller-hung-up", "left abandoned caller-hung-up"]),
        ("failure, then the caller leaves", "failed", "call_ended", None),
    ],
)  # fmt: skip
def test_the_order_of_the_log_decides(name: str, first: str, second: str, events: list[str] | None, lagging: bool) -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    offer_id = story.offer("r1").offer_id
    story.paused = lagging
    for step in (first, second):
        if step == "answered":
            story.answered("r1", offer_id)
        else:
            getattr(story, step)("r1")
    story.paused = False
    story.react()
    if events is None:
        assert story.events("r1")[-1] == "left abandoned caller-hung-up"
    else:
        assert story.events("r1")[2:] == events, name


def test_an_answer_before_our_own_withdrawal_counts() -> None:
    """Both stand in the log; the withdrawal was appended before the answer had been read."""
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    story.paused = True
    offer = story.offer("r1")
    story.answered("r1")
    withdrawn = OfferWithdrawn(offer_id=offer.offer_id, call_id="c-r1", agent_id="1001", reason=Reason.RING_TIMEOUT)
    story.tell(withdrawn, "r1")
    story.paused = False
    story.react()
    left = story.last("r1")
    assert isinstance(left, ContactLeft)
    assert (left.outcome, left.agent_id) == (RequestOutcome.ANSWERED, "1001")


def test_an_answer_behind_the_withdrawal_does_not_count() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    offer_id = story.offer("r1").offer_id
    story.later(30)
    story.answered("r1", offer_id)
    assert story.events("r1") == ["queued", "offer-made", "offer-withdrawn ring-timeout"]


def test_a_late_answer_of_an_earlier_offer_does_not_count_for_the_present_one() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.request("r1")
    first = story.offer("r1").offer_id
    story.later(30)
    assert story.offers() == ["r1→1001", "r1→1002"]
    story.answered("r1", first)
    assert story.events("r1")[-1] == "offer-made"
    story.answered("r1")
    left = story.last("r1")
    assert isinstance(left, ContactLeft)
    assert left.agent_id == "1002"


@pytest.mark.feature("F048")
def test_an_agent_whose_offer_is_not_withdrawn_yet_gets_no_other() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    story.paused = True
    story.request("r2")
    story.state("1001", "idle")
    group = story.board.group("sales")
    assert (list(group.plain.free), list(group.kept["offer-open"])) == ([], ["1001"])
    assert list(match(story.board, story.clock.now())) == []


def test_an_event_that_is_delivered_again_changes_nothing() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.request("r1")
    story.later(30)
    story.request("r2")
    story.call_ended("r2")
    story.paused = True
    before = (str(story.board.requests), str(story.board.seats), story.hall.timers.next_due())
    for recorded in list(story.told):
        story.hall.evolve(recorded)
        assert (str(story.board.requests), str(story.board.seats), story.hall.timers.next_due()) == before


@pytest.mark.parametrize("reason", ["agent-unreachable", "agent-rejected"])
def test_a_phone_that_fails_is_left_alone_for_a_while(reason: str) -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("r1")
    story.request("r2")
    story.failed("r1", reason)
    story.state("1001", "idle")
    assert story.events("r1") == ["queued", "offer-made", f"offer-withdrawn {reason}"]
    assert story.offers() == ["r1→1001"]
    story.later(4.9)
    assert story.offers() == ["r1→1001"]
    story.later(0.1)
    assert story.offers() == ["r1→1001", "r1→1001"]


@pytest.mark.parametrize("state", ["idle", "break", "offline"])
def test_an_agent_who_no_longer_rings_for_the_offer_loses_it(state: str) -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.request("r1")
    story.state("1001", state)
    assert story.events("r1") == ["queued", "offer-made", "offer-withdrawn agent-gone", "offer-made"]
    assert story.offers() == ["r1→1001", "r1→1002"]


def test_a_refused_reservation_goes_to_the_next_candidate() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.refusing = {"1001"}
    story.request("r1")
    assert [found.agent_id for found in story.matches] == ["1001", "1002"]
    assert story.offers() == ["r1→1002"]


def test_each_attempt_is_an_offer_of_its_own() -> None:
    """A late release of the first attempt must not end the reservation of the second."""
    story = Story(sales=["1001"])
    story.idle("1001")
    story.refusing = {"1001"}
    story.request("r1")
    story.later(8)
    first, second = story.matches
    assert (first.request_id, first.agent_id, first.version) == (second.request_id, second.agent_id, second.version)
    assert first.offer_id != second.offer_id
    assert is_token(first.offer_id)


def test_attempts_within_a_millisecond_are_offers_of_their_own() -> None:
    story = Story(sales=["1001"])
    story.request("r1")
    request, now = story.board.requests["r1"], story.clock.now()
    moments = (now, now + timedelta(microseconds=1))
    assert len({request.offer_id_for(agent_id, moment) for agent_id in ("1001", "1002") for moment in moments}) == 4


def test_an_offer_that_comes_too_late_does_not_hide_the_one_that_rings() -> None:
    """Its append was on the way when its caller left; the agent was free then, and rings for another request now."""
    story = Story(sales=["1001"])
    story.request("r1")
    story.request("r2")
    story.idle("1001")
    story.call_ended("r1")
    assert story.offers() == ["r1→1001"]
    story.state("1001", "idle")
    assert story.offers() == ["r1→1001", "r2→1001"]
    story.request("r3")
    made = next(r.event for r in story.told if isinstance(r.event, OfferMade))
    story.tell(replace(made, offer_id="late", call_id="c-r3"), "r3")
    assert story.events("r3") == ["queued", "offer-made", "offer-withdrawn agent-gone"]
    assert story.board.seats["1001"].open_request == "r2"
    story.state("1001", "break")
    assert story.events("r2")[-1] == "offer-withdrawn agent-gone"


@pytest.mark.parametrize("moments", [1, 3, 6, 9])
def test_a_restart_changes_nothing(moments: int) -> None:
    story = Story(sales=["1001", "1002"], support=["1002"])
    steps = [
        lambda: story.request("r1"),
        lambda: story.idle("1001"),
        lambda: story.request("r2", "support"),
        lambda: story.later(31),
        lambda: story.idle("1002"),
        lambda: story.failed("r1"),
        lambda: story.state("1001", "idle"),
        lambda: story.call_ended("r2"),
        lambda: story.request("r3"),
    ]
    for step in steps[:moments]:
        step()
    again = story.restarted()
    assert again.told == story.told
    assert again.board.requests == story.board.requests
    assert again.board.seats == story.board.seats
    assert again.hall.timers.next_due() == story.hall.timers.next_due()


@pytest.mark.feature("F073")
def test_the_agents_number_is_spoken_to_the_customer() -> None:
    prompts = (Audio(audio_id="hello"), Speech(text="agent ${StaffNo} serves you, ${StaffNo}", voice="en"))
    assert for_agent(prompts, "1005") == (
        Audio(audio_id="hello"),
        Speech(text="agent 1005 serves you, 1005", voice="en"),
    )


def test_times_are_those_of_the_request() -> None:
    story = Story(sales=["1001"])
    began = story.clock.now()
    story.request("r1")
    story.later(7)
    story.idle("1001")
    made = story.last("r1")
    assert isinstance(made, OfferMade)
    assert made.decision.waited_ms == 7000
    assert made.ring_deadline == began + timedelta(seconds=37)
    queued = next(r.event for r in story.told if isinstance(r.event, ContactQueued))
    assert queued.enqueued_at == began
