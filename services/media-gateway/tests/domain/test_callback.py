"""The call of a callback: the agent by an offer, then the customer."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import CallBridged, CallEnded, LegStarted, OfferFailed
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.controls import Situation
from callstream_media_gateway.domain.situation import situation

from . import story
from .story import AGENT, CUSTOMER, OFFERED, Story, all_of, hears


def test_nobody_rings_until_the_offer_then_the_agent_then_the_customer() -> None:
    call = story.called_back()
    assert call.names == ["dialled"]
    assert call.timers.keys() == {"offer"}
    assert call.step(OFFERED) == [do.OpenLeg(AGENT)]
    assert call.timers == {}
    assert call.step(on.LegOpened(leg_id=AGENT)) == [do.InvitePhone(AGENT, "1001")]
    call.steps(on.PhoneRings(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT))
    assert call.names[-1] == "offer-answered"
    assert CUSTOMER not in call.call.legs, "whether the answer counts is for the log to say"
    assert call.step(on.AnswerLogged(offer_id="offer")) == [do.OpenLeg(CUSTOMER)]
    assert call.step(on.LegOpened(leg_id=CUSTOMER)) == [do.InvitePhone(CUSTOMER, "")]
    assert call.last(LegStarted) == LegStarted(
        leg_id=CUSTOMER, role=LegRole.CUSTOMER, number="+8613900000001", purpose=Purpose.CALLBACK
    )
    call.step(on.PhoneRings(leg_id=CUSTOMER))
    assert call.tunes[AGENT].tune is do.Tune.RINGBACK
    assert situation(call.call, "1001") is Situation.DIALLING
    call.step(on.PhoneAnswered(leg_id=CUSTOMER))
    assert (hears(call), call.tunes) == (all_of(CUSTOMER, AGENT), {})
    assert situation(call.call, "1001") is Situation.TALKING
    assert call.last(LegAnswered).role is LegRole.CUSTOMER
    assert (call.last(CallBridged).offer_id, call.last(CallBridged).agent_leg_id) == ("offer", AGENT)
    assert call.names[-2:] == ["bridged", "recording-started"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_agent_is_not_rung_before_the_log_knows_the_call(order: tuple[int, int]) -> None:
    call = Story(story.called_back().call.dialled).steps(OFFERED)
    given = (on.ArrivalStored(), on.LegOpened(leg_id=AGENT))
    assert call.step(given[order[0]]) == []
    assert call.step(given[order[1]]) == [do.InvitePhone(AGENT, "1001")]


ENDINGS: list[tuple[str, Callable[[], Story], on.Input, Reason, Party]] = [
    ("withdrawn", story.agent_called, story.withdrawn(), Reason.RING_TIMEOUT, Party.SYSTEM),
    ("agent rejects", story.agent_called, on.PhoneRefused(leg_id=AGENT, sip_status=603), Reason.AGENT_REJECTED, Party.AGENT),
    ("agent gives up", story.customer_called, on.HungUp(leg_id=AGENT), Reason.AGENT_HUNG_UP, Party.AGENT),
    ("busy", story.customer_called, on.PhoneRefused(leg_id=CUSTOMER, sip_status=486), Reason.BUSY, Party.CUSTOMER),
    ("no media", story.agent_has_it, on.LegFailed(leg_id=CUSTOMER), Reason.MEDIA_FAILED, Party.SYSTEM),
    ("customer leaves", story.callback_talk, on.HungUp(leg_id=CUSTOMER), Reason.CALLER_HUNG_UP, Party.CUSTOMER),
    ("agent leaves", story.callback_talk, on.HungUp(leg_id=AGENT), Reason.AGENT_HUNG_UP, Party.AGENT),
]


@pytest.mark.parametrize(("begin", "given", "reason", "party"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_whoever_is_missing_ends_it_for_all(begin: Callable[[], Story], given: on.Input, reason: Reason, party: Party) -> None:
    call = begin()
    call.step(given)
    for leg_id in list(call.call.legs):
        call.step(on.LegClosed(leg_id=leg_id))
    assert call.last(CallEnded).reason is reason
    assert call.last(CallEnded).party is party
    assert call.timers == {}
    assert call.call.offers == {}


def test_a_customer_who_does_not_answer() -> None:
    call = story.customer_called()
    call.wait(f"ring:{CUSTOMER}")
    for leg_id in (CUSTOMER, AGENT):
        call.step(on.LegClosed(leg_id=leg_id))
    assert (call.last(CallEnded).reason, call.last(CallEnded).party) == (Reason.NO_ANSWER, Party.SYSTEM)


def test_an_agent_without_a_phone() -> None:
    call = story.called_back()
    refused = on.Offered(offer_id="offer", request_id="request", agent_id="1001", refusal=Reason.AGENT_UNREACHABLE)
    call.step(refused)
    assert call.last(OfferFailed).reason is Reason.AGENT_UNREACHABLE
    assert call.last(CallEnded).reason is Reason.AGENT_UNREACHABLE


def test_an_offer_that_never_comes() -> None:
    call = story.called_back()
    call.wait("offer")
    assert call.last(CallEnded).reason is Reason.OFFER_LOST


def test_a_withdrawal_behind_the_answer_changes_nothing() -> None:
    call = story.customer_called()
    assert call.step(story.withdrawn()) == []


def test_the_agent_hung_up_before_the_log_said_that_the_answer_counts() -> None:
    call = story.agent_called().steps(on.PhoneAnswered(leg_id=AGENT), on.HungUp(leg_id=AGENT))
    call.steps(on.LegClosed(leg_id=AGENT), on.AnswerLogged(offer_id="offer"))
    assert call.last(CallEnded).reason is Reason.AGENT_HUNG_UP


def test_an_automatic_answer_beeps_before_the_customer_is_called() -> None:
    offered = on.Offered(offer_id="offer", request_id="request", agent_id="1001", auto_answer=True)
    call = story.called_back().steps(offered, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT))
    call.step(on.AnswerLogged(offer_id="offer"))
    assert call.tunes[AGENT].tune is do.Tune.BEEP
    assert CUSTOMER not in call.call.legs
    effects = call.step(on.PlayEnded(play_id=call.tunes[AGENT].play_id, how="completed"))
    assert do.OpenLeg(CUSTOMER) in effects
