"""Blind transfers: to an agent, to a group, to an outside number; and what becomes of a customer whom nobody takes."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import CallEnded, LegEnded, TransferStarted
from callstream.contracts.control_events import CallTransferred
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders

from . import story
from .story import AGENT, CUSTOMER, MENU, OUTSIDE, OWN, SECOND, WHO, Story, all_of, hears

TO_AGENT = orders.HandOver(**WHO, target_agent_id="1002", prompts=MENU)
TO_GROUP = orders.HandOver(**WHO, group_id="sales", prompts=MENU)
OUT = orders.HandOut(**WHO, number=OUTSIDE, prompts=MENU)


@pytest.mark.parametrize("given", [TO_AGENT, TO_GROUP], ids=["agent", "group"])
@pytest.mark.parametrize(("talk", "agent"), [(story.talking, AGENT), (story.held, AGENT), (story.outbound_talk, OWN)])
def test_the_customer_waits_with_music_while_routing_looks(given: orders.HandOver, talk: Callable[[], Story], agent: str) -> None:
    call = talk()
    effects = call.step(given)
    assert do.HangUpLeg(agent) in effects
    assert do.StartPlay("call-t1-music", MENU, 0, False) in effects
    assert (hears(call), call.tunes) == (set(), {})
    started = call.last(TransferStarted)
    assert (started.agent_id, started.target_agent_id, started.group_id) == ("1001", given.target_agent_id, given.group_id)
    call.step(on.LegClosed(leg_id=agent))
    assert call.last(LegEnded).reason is Reason.NORMAL
    call.steps(
        on.Offered(offer_id="second", request_id="call-t1", agent_id="1002"),
        on.LegOpened(leg_id=SECOND),
        on.PhoneAnswered(leg_id=SECOND),
        on.AnswerLogged(offer_id="second"),
    )
    assert hears(call) == all_of(CUSTOMER, SECOND)
    moved = call.last(CallTransferred)
    assert (moved.agent_id, moved.how, moved.to_agent_id) == ("1001", "blind", "1002")


@pytest.mark.parametrize("talk", [story.talking, story.outbound_talk])
def test_the_outside_party_is_rung_and_has_the_customer(talk: Callable[[], Story]) -> None:
    call = talk()
    call.step(OUT)
    outside = story.outside_leg(call)
    call.steps(on.LegOpened(leg_id=outside), on.PhoneRings(leg_id=outside), on.PhoneAnswered(leg_id=outside))
    assert hears(call) == all_of(CUSTOMER, outside)
    assert call.last(CallTransferred) == CallTransferred(agent_id="1001", how="blind", to_number=OUTSIDE)
    assert call.call.play is None


@pytest.mark.parametrize(("status", "reason"), [(486, Reason.BUSY), (404, Reason.CALLEE_UNREACHABLE), (480, Reason.NO_ANSWER)])
def test_an_outside_party_that_does_not_come_ends_the_call_with_why(status: int, reason: Reason) -> None:
    call = story.talking().steps(OUT, on.LegClosed(leg_id=AGENT))
    outside = story.outside_leg(call)
    call.steps(on.LegOpened(leg_id=outside), on.PhoneRefused(leg_id=outside, sip_status=status))
    call.steps(on.LegClosed(leg_id=outside), on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded) == CallEnded(reason=reason, party=Party.SYSTEM)


def test_a_customer_whom_nobody_takes_is_hung_up_with_why() -> None:
    call = story.talking().steps(TO_GROUP, on.LegClosed(leg_id=AGENT))
    call.steps(on.RequestLeft(request_id="call-t1", reason=Reason.NO_AGENT_ONLINE), on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded) == CallEnded(reason=Reason.NO_AGENT_ONLINE, party=Party.SYSTEM)


@pytest.mark.parametrize("given", [TO_AGENT, TO_GROUP, OUT])
@pytest.mark.parametrize("state", [story.agent_rings, story.consulting, story.conference, story.internal_talk, story.ended])
def test_only_who_talks_alone_with_the_customer_hands_them_over(given: on.Input, state: Callable[[], Story]) -> None:
    call = state()
    before = list(call.names)
    with pytest.raises(Refusal):
        call.step(given)
    assert call.names == before


def test_the_target_cannot_be_who_serves_already() -> None:
    with pytest.raises(Refusal, match="serves this call already"):
        story.talking().step(orders.HandOver(**WHO, target_agent_id="1001"))
