"""Offering a callback: the agent is reserved, a gateway begins the call, then the offer stands in the log; and what keeps it."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from callstream.contracts.call_commands import CallBack
from callstream.contracts.commands import Command, ReleaseAgent, Reply, ReserveAgent
from callstream.contracts.queue_events import CallbackTried, OfferMade
from callstream.contracts.subjects import ANY
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.match import Match

from .story import Story
from .test_offering import Desk

CALLER = "+8613800000001"
BEGUN = Reply(accepted=True, result=msgspec.Raw(b'"gw-7"'))


class Back(Desk):
    """r1's caller has asked to be called back; `begin` is what a gateway says."""

    def __init__(self, begin: Callable[[], Any] = lambda: BEGUN) -> None:
        super().__init__()
        self.begin = begin
        self.scopes: list[str] = []
        story = self.story = Story(sales=["1001", "1002"])
        self.offering._hall = story.hall
        self.offering._call_back._hall = story.hall
        self.offering._clock = self.offering._call_back._clock = story.clock
        story.request("r1", caller=CALLER)
        story.asks_back("r1", CALLER)
        story.paused = True
        story.idle("1001")

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        if not isinstance(command, CallBack):
            return await super().send(command, scope, timeout_s, retries, call_id)
        self.asked.append(command)
        self.scopes.append(scope)
        answer = self.begin()
        return await answer if asyncio.iscoroutine(answer) else answer

    @property
    def tried(self) -> list[CallbackTried]:
        return [r.event for r in self.store.decode(self.store.messages) if isinstance(r.event, CallbackTried)]

    def pause_s(self) -> float:
        """How long nobody decides about the callback."""
        until = self.story.board.requests["r1-back"].held_until
        return (until - self.story.clock.now()).total_seconds() if until is not None else 0.0


async def test_a_gateway_has_the_call_before_the_agent_is_offered_it() -> None:
    desk = Back()
    found: Match = await desk.offer()
    (reserve, begin) = desk.asked
    assert isinstance(reserve, ReserveAgent)
    assert isinstance(begin, CallBack)
    assert desk.scopes == [ANY]
    assert reserve.call_id == begin.call_id == found.call_id != "c-r1"
    assert (begin.offer_id, begin.agent_id, begin.request_id) == (found.offer_id, "1001", "r1-back")
    assert (begin.number, begin.callback_of, begin.group_id) == (CALLER, "c-r1", "sales")
    (made,) = desk.made
    assert isinstance(made, OfferMade)
    assert (made.call_id, made.gateway, made.offer_id) == (found.call_id, "gw-7", found.offer_id)


@pytest.mark.parametrize(
    ("reason", "attempts"),
    [(Reason.FORBIDDEN, 1), (Reason.INVALID, 1), (Reason.NO_TRUNK, 0), (Reason.AT_CAPACITY, 0)],
)
async def test_what_a_gateway_refuses_is_told_and_the_agent_is_free_at_once(reason: Reason, attempts: int) -> None:
    desk = Back(lambda: Reply(accepted=False, reason=reason, message="no"))
    found = await desk.offer()
    (tried,) = desk.tried
    assert (tried.reason, tried.attempts, tried.attempt_call_id, tried.number) == (reason, attempts, "", CALLER)
    assert tried.next_at is not None
    assert (desk.made, desk.released()) == ([], [found.offer_id])


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.DRAINING])
async def test_without_a_gateway_it_was_no_attempt(reason: Reason) -> None:
    desk = Back(lambda: Reply(accepted=False, reason=reason))
    found = await desk.offer()
    assert (desk.tried, desk.made, desk.released()) == ([], [], [found.offer_id])
    assert desk.pause_s() == 5.0


async def test_a_customer_who_calls_again_meanwhile_is_not_called() -> None:
    desk = Back()

    def calls_again() -> Reply:
        desk.story.request("again", caller=CALLER)
        return BEGUN

    desk.begin = calls_again
    found = await desk.offer()
    assert (desk.made, desk.tried) == ([], [])
    assert [command.offer_id for command in desk.asked if isinstance(command, ReleaseAgent)] == [found.offer_id]
    desk.story.react()
    assert desk.story.events("r1-back")[-1] == "left redirected called-again"
