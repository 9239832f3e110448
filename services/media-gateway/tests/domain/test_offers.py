"""Offers: ringing an agent, the races that the log decides, and the way to the bridge."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import (
    CallBridged,
    CallEnded,
    LegEnded,
    LegRinging,
    LegStarted,
    OfferAnswered,
    OfferFailed,
    PlaybackFinished,
    RecordingReady,
)
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.states import CustomerState

from . import story
from .story import AGENT, CONNECT, CUSTOMER, OFFERED, RECORDING, Story

BRIDGE = do.Mix(connect=story.both(CUSTOMER, AGENT), disconnect=())


def test_the_way_of_an_offer_to_the_bridge() -> None:
    call = story.playing("queue")
    before = len(call.names)
    assert call.step(OFFERED) == [do.OpenLeg(AGENT)]
    assert call.step(on.LegOpened(leg_id=AGENT)) == [do.InvitePhone(AGENT, "1001")]
    assert call.step(on.PhoneRings(leg_id=AGENT)) == []
    assert call.step(on.PhoneRings(leg_id=AGENT)) == []
    assert call.step(on.PhoneAnswered(leg_id=AGENT)) == [do.WatchLeg(AGENT)]
    assert call.step(on.AnswerLogged(offer_id="offer")) == [
        do.StopPlay("queue"),
        do.Record(RECORDING, CUSTOMER),
        BRIDGE,
    ]
    assert call.new(before) == [
        *("leg-started", "leg-ringing", "offer-answered"),
        *("playback-finished", "bridged", "recording-started"),
    ]
    assert call.last(CallBridged).agent_leg_id == AGENT


def test_the_log_hears_of_the_invite_with_the_ring() -> None:
    call = story.inviting()
    invited_at, before = call.now, len(call.told)
    call.step(on.PhoneRings(leg_id=AGENT), after_s=0.4)
    (append,) = call.told[before:]
    assert isinstance(append.fact, LegRinging)
    started = append.fact.started
    assert started is not None
    assert (started.leg_id, started.agent_id, started.offer_id, started.at) == (AGENT, "1001", "offer", invited_at)


def test_a_phone_that_is_picked_up_without_a_ring_has_started_all_the_same() -> None:
    call = story.inviting()
    before = len(call.told)
    call.step(on.PhoneAnswered(leg_id=AGENT))
    assert [type(append.fact) for append in call.told[before:]] == [LegStarted, OfferAnswered]


@pytest.mark.parametrize(
    "end", [on.PhoneRefused(leg_id=AGENT, sip_status=408), on.Withdrawn(offer_id="offer", reason=Reason.RING_TIMEOUT)]
)
def test_of_a_phone_that_never_rang_the_log_hears_neither_beginning_nor_end(end: on.Input) -> None:
    call = story.inviting()
    before = len(call.names)
    call.steps(end, on.LegClosed(leg_id=AGENT))
    assert set(call.new(before)) <= {"offer-failed"}


@pytest.mark.feature("F091")
def test_the_connect_prompt_is_for_the_customer_before_the_bridge() -> None:
    offered = on.Offered(offer_id="offer", request_id="request", agent_id="1001", connect_prompt=CONNECT)
    call = story.playing("queue").steps(offered, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT))
    assert call.step(on.AnswerLogged(offer_id="offer")) == [do.StartPlay("offer-connect", CONNECT, 1, False)]
    assert call.call.customer is CustomerState.CONNECTING
    before = len(call.names)
    effects = call.step(on.PlayEnded(play_id="offer-connect", how="completed"))
    assert effects[-1] == BRIDGE
    assert call.new(before) == ["playback-finished", "bridged", "recording-started"], "nobody asked for the connect prompt"
    assert call.last(PlaybackFinished).play_id == "queue"


def test_a_connect_prompt_that_cannot_be_played_keeps_nobody_apart() -> None:
    offered = on.Offered(offer_id="offer", request_id="request", agent_id="1001", connect_prompt=CONNECT)
    call = story.answered().steps(
        offered, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT), on.AnswerLogged(offer_id="offer")
    )
    assert BRIDGE in call.step(on.PlayEnded(play_id="offer-connect", how="failed", message="no file"))


REFUSALS = [
    (486, Reason.AGENT_REJECTED),
    (603, Reason.AGENT_REJECTED),
    (480, Reason.AGENT_UNREACHABLE),
    (408, Reason.AGENT_UNREACHABLE),
    (503, Reason.AGENT_UNREACHABLE),
    (488, Reason.NO_COMMON_CODEC),
]


@pytest.mark.parametrize(("status", "reason"), REFUSALS)
def test_a_phone_that_says_no_fails_the_offer_and_the_call_goes_on(status: int, reason: Reason) -> None:
    call = story.agent_rings()
    assert call.step(on.PhoneRefused(leg_id=AGENT, sip_status=status)) == [do.CloseLeg(AGENT)]
    failed = call.last(OfferFailed)
    assert (failed.reason, failed.sip_status, failed.request_id) == (reason, status, "request")
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.last(LegEnded).reason is reason
    assert call.call.customer is CustomerState.ANSWERED
    assert call.call.play is not None, "the queue music plays on"


def test_an_agent_without_a_phone_fails_the_offer_at_once() -> None:
    call = story.answered()
    refused = on.Offered(offer_id="offer", request_id="r", agent_id="1001", refusal=Reason.AGENT_UNREACHABLE)
    assert call.step(refused) == []
    assert call.last(OfferFailed).reason is Reason.AGENT_UNREACHABLE
    assert call.call.legs.keys() == {CUSTOMER}


def test_no_media_for_the_agent_fails_the_offer_only() -> None:
    call = story.answered().steps(OFFERED)
    assert call.step(on.LegFailed(leg_id=AGENT)) == [do.CloseLeg(AGENT)]
    assert call.last(OfferFailed).reason is Reason.MEDIA_FAILED
    before = len(call.names)
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.new(before) == [], "the log never heard of that leg"


def test_media_that_is_refused_while_the_phone_rings_fails_the_offer_only() -> None:
    """The worker's word may come after the INVITE has left."""
    call = story.answered().steps(OFFERED, on.LegOpened(leg_id=AGENT), on.PhoneRings(leg_id=AGENT))
    assert call.step(on.LegFailed(leg_id=AGENT)) == [do.HangUpLeg(AGENT), do.CloseLeg(AGENT)]
    assert call.last(OfferFailed).reason is Reason.MEDIA_FAILED
    assert call.call.customer is CustomerState.ANSWERED


# What the log says and what the phone does, in every order that matters.

RACES: list[tuple[str, Callable[[], Story], list[on.Input], list[do.Effect], list[str], Reason | None]] = [
    (
        "withdrawn before the invite",
        lambda: story.playing("queue").steps(OFFERED),
        [story.withdrawn()],
        [do.CloseLeg(AGENT)],
        [],
        None,
    ),
    (
        "withdrawn while ringing",
        story.agent_rings,
        [story.withdrawn()],
        [do.HangUpLeg(AGENT), do.CloseLeg(AGENT)],
        ["leg-ended"],
        Reason.RING_TIMEOUT,
    ),
    (
        "the 487 to our CANCEL is no refusal",
        story.agent_rings,
        [story.withdrawn(), on.PhoneRefused(leg_id=AGENT, sip_status=487)],
        [do.HangUpLeg(AGENT), do.CloseLeg(AGENT)],
        ["leg-ended"],
        Reason.RING_TIMEOUT,
    ),
    (
        "picked up, but the withdrawal stands first in the log",
        story.picked_up,
        [story.withdrawn(), on.AnswerLogged(offer_id="offer")],
        [do.HangUpLeg(AGENT), do.CloseLeg(AGENT)],
        ["leg-ended"],
        Reason.OFFER_LOST,
    ),
    (
        "picked up, hung up again, and withdrawn",
        story.picked_up,
        [on.HungUp(leg_id=AGENT), story.withdrawn()],
        [do.CloseLeg(AGENT)],
        ["leg-ended"],
        Reason.AGENT_HUNG_UP,
    ),
]


@pytest.mark.parametrize(("_name", "begin", "steps", "effects", "told", "reason"), RACES, ids=[row[0] for row in RACES])
def test_a_lost_offer_leaves_the_customer_waiting(
    _name: str,
    begin: Callable[[], Story],
    steps: list[on.Input],
    effects: list[do.Effect],
    told: list[str],
    reason: Reason | None,
) -> None:
    call = begin()
    before = len(call.names)
    done = [effect for given in steps for effect in call.step(given)]
    assert done == effects
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.new(before) == told
    if reason is not None:
        assert call.last(LegEnded).reason is reason
    assert call.call.customer is CustomerState.ANSWERED
    assert not call.call.offers
    assert call.call.play is not None, "the queue music plays on"


def test_an_answer_before_the_withdrawal_has_won() -> None:
    call = story.talking()
    assert call.step(story.withdrawn()) == []
    assert call.call.customer is CustomerState.TALKING


def test_an_agent_who_hangs_up_before_the_log_confirms_ends_the_call_when_it_does() -> None:
    call = story.picked_up().steps(on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT))
    assert call.step(on.AnswerLogged(offer_id="offer")) == [do.StopPlay("queue"), do.HangUpLeg(CUSTOMER), do.CloseLeg(CUSTOMER)]
    call.step(on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded) == CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT)


def test_an_agent_who_wins_while_the_customer_is_not_answered_waits_for_that() -> None:
    call = story.ringing().steps(OFFERED, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT))
    assert call.step(on.AnswerLogged(offer_id="offer")) == [do.AnswerCaller()]
    assert BRIDGE in call.step(on.CallerConfirmed())


def test_of_two_offers_the_one_the_log_confirms_first_wins() -> None:
    other = on.Offered(offer_id="other", request_id="r2", agent_id="1002")
    call = story.agent_rings().steps(other, on.LegOpened(leg_id="other-leg"), on.PhoneAnswered(leg_id="other-leg"))
    effects = call.step(on.AnswerLogged(offer_id="other"))
    assert effects[:2] == [do.HangUpLeg(AGENT), do.CloseLeg(AGENT)]
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.last(LegEnded).reason is Reason.OFFER_LOST
    assert call.call.customer is CustomerState.TALKING


def test_an_offer_that_is_made_twice_rings_once() -> None:
    call = story.agent_rings()
    assert call.step(OFFERED) == []


HANG_UPS = [
    ("customer", on.HungUp(leg_id=CUSTOMER), do.HangUpLeg(AGENT), Reason.CALLER_HUNG_UP, Party.CUSTOMER),
    ("agent", on.HungUp(leg_id=AGENT), do.HangUpLeg(CUSTOMER), Reason.AGENT_HUNG_UP, Party.AGENT),
    ("agent's phone lost", on.HungUp(leg_id=AGENT, lost=True), do.HangUpLeg(CUSTOMER), Reason.AGENT_GONE, Party.AGENT),
]


@pytest.mark.feature("F015")
@pytest.mark.parametrize(("_name", "given", "effect", "reason", "party"), HANG_UPS, ids=[row[0] for row in HANG_UPS])
def test_either_side_ends_the_talk_for_both(_name: str, given: on.Input, effect: do.Effect, reason: Reason, party: Party) -> None:
    call = story.talking()
    effects = call.step(given)
    assert [e for e in effects if isinstance(e, do.HangUpLeg)] == [effect], "who has left needs no BYE"
    assert [e for e in effects if isinstance(e, do.CloseLeg)] != []
    call.steps(on.LegClosed(leg_id=CUSTOMER), on.LegClosed(leg_id=AGENT))
    assert call.last(CallEnded) == CallEnded(reason=reason, party=party)
    assert {e.reason for e in call.events if isinstance(e, LegEnded)} == {reason}


def test_the_recording_keeps_a_call_until_its_outcome_is_known() -> None:
    call = story.talking().steps(on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    assert not call.call.finished
    call.step(on.RecordingSaved(recording_id=RECORDING, path="p", duration_ms=1, size_bytes=2, sha256="x"))
    assert call.told[-1].key == "r1"
    assert isinstance(call.events[-1], RecordingReady)
    assert call.call.finished


def test_a_lost_worker_ends_the_talk_and_its_recording_is_salvaged() -> None:
    call = story.talking()
    effects = call.step(on.MediaLost())
    assert effects[-1] == do.Salvage(RECORDING)
    assert {do.HangUpLeg(CUSTOMER), do.HangUpLeg(AGENT)} <= set(effects)
    call.steps(on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    call.step(on.RecordingLost(recording_id=RECORDING, message="no file"))
    assert call.names[-2:] == ["ended", "recording-failed"]


def test_a_bridge_that_the_worker_refuses_ends_the_call() -> None:
    call = story.talking()
    call.step(on.MixFailed())
    assert call.call.ended == CallEnded(reason=Reason.MEDIA_FAILED, party=Party.SYSTEM)


def test_the_late_end_of_the_music_is_not_told_twice() -> None:
    call = story.talking()
    before = len(call.names)
    assert call.step(on.PlayEnded(play_id="queue", how="stopped")) == []
    assert call.new(before) == []
