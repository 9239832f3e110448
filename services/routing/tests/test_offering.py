"""Making an offer: what happens between the match and `queue.offer-made`, and when it goes wrong."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from callstream.contracts.commands import Command, ReleaseAgent, Reply, ReserveAgent
from callstream.contracts.config import Settings, Speech
from callstream.contracts.envelope import NewEvent
from callstream.contracts.queue_events import OfferMade
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream.runtime.event_store import StoreUnavailable, VersionConflict
from callstream.runtime.memory_store import MemoryStore
from callstream_routing.app import offer as module
from callstream_routing.app.offer import Offering
from callstream_routing.domain.match import Match, match

from .story import TENANT, Story

ACCEPTED = Reply(accepted=True)


class Desk:
    """agent-state and the log as the test wants them, and what was asked of them."""

    def __init__(self, reserve: Callable[[], Any] = lambda: ACCEPTED) -> None:
        self.story = Story(sales=["1001", "1002"])
        self.story.request("r1", prompts=(Speech(text="agent ${StaffNo} is here"),))
        self.story.paused = True
        self.story.idle("1001")
        self.asked: list[Command] = []
        self.reserve = reserve
        self.store = MemoryStore()
        self.append: Callable[..., Any] | None = None
        """Stands in for the log's append when the offer is made."""
        self.woken = 0
        configuration = Configuration.of({TENANT: [Settings(ring_timeout_s=12)]})
        self.offering = Offering(self.story.hall, self.store, self, configuration, self.story.clock)
        self.offering.wake = self._wake

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        self.asked.append(command)
        if not isinstance(command, ReserveAgent):
            return ACCEPTED
        answer = self.reserve()
        return await answer if asyncio.iscoroutine(answer) else answer

    def _wake(self) -> None:
        self.woken += 1

    async def offer(self) -> Match:
        """Match r1 and try to make the offer."""
        for told in self.story.told:
            new = NewEvent(id=told.id, tenant=TENANT, aggregate_id=told.aggregate_id, time=told.time, event=told.event)
            await self.store.append(told.aggregate, told.aggregate_id, TENANT, (new,), None)
        if self.append is not None:
            self.store.append = self.append  # type: ignore[method-assign]
        (found,) = match(self.story.board, self.story.clock.now())
        self.story.paused = False
        self.offering.start(found)
        await self.offering.settled()
        return found

    @property
    def made(self) -> list[OfferMade]:
        told = self.store.decode(self.store.messages)
        return [recorded.event for recorded in told if isinstance(recorded.event, OfferMade)]

    def released(self) -> list[str]:
        return [command.offer_id for command in self.asked if isinstance(command, ReleaseAgent)]

    def held(self) -> tuple[bool, bool]:
        """Whether request and agent are held."""
        board = self.story.board
        return board.requests["r1"].held_until is not None, board.seats["1001"].held_until is not None


@pytest.mark.feature("F073")
async def test_a_reserved_agent_is_offered_the_call() -> None:
    desk = Desk()
    found = await desk.offer()
    (made,) = desk.made
    assert (made.offer_id, made.agent_id, made.call_id, made.gateway) == (found.offer_id, "1001", "c-r1", "gw")
    assert made.connect_prompt == (Speech(text="agent 1001 is here"),)
    assert (made.ring_deadline - desk.story.clock.now()).total_seconds() == 12
    assert made.decision.candidates[0].agent_id == "1001"
    assert desk.released() == []
    assert desk.held() == (True, True), "until the events have come back"


async def test_a_refused_agent_is_left_alone_and_the_request_is_free_for_the_next() -> None:
    desk = Desk(lambda: Reply(accepted=False, reason=Reason.ILLEGAL_STATE))
    await desk.offer()
    assert (desk.made, desk.released(), desk.woken) == ([], [], 1)
    assert desk.held() == (False, True)
    desk.story.idle("1002")
    (second,) = [found for found in desk.story.matches if found.request_id == "r1"]
    assert second.agent_id == "1002"


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.INTERNAL])
async def test_without_a_clear_answer_the_reservation_is_given_back(reason: Reason) -> None:
    desk = Desk(lambda: Reply(accepted=False, reason=reason))
    found = await desk.offer()
    assert (desk.made, desk.released()) == ([], [found.offer_id])
    assert desk.held() == (True, True), "for a pause"
    desk.story.later(0.5)
    assert desk.story.matches[-1].offer_id != found.offer_id


async def test_an_answer_that_comes_too_late_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESERVE_S", 0.0)

    async def slowly() -> Reply:
        await asyncio.sleep(0.01)
        return ACCEPTED

    desk = Desk(slowly)
    found = await desk.offer()
    assert (desk.made, desk.released()) == ([], [found.offer_id])
    assert desk.held() == (False, True)


async def test_a_caller_who_left_meanwhile_is_not_offered() -> None:
    desk = Desk()

    def leaves() -> Reply:
        desk.story.paused = True
        desk.story.call_ended("r1")
        return ACCEPTED

    desk.reserve = leaves
    found = await desk.offer()
    assert (desk.made, desk.released()) == ([], [found.offer_id])


async def test_a_request_that_has_moved_on_is_not_offered() -> None:
    desk = Desk()

    async def conflict(*_: Any) -> int:
        raise VersionConflict(TENANT, "queue", "r1", 1)

    desk.append = conflict
    found = await desk.offer()
    assert desk.released() == [found.offer_id]


@pytest.mark.parametrize("how", ["unavailable", "slow"])
async def test_an_offer_that_may_stand_in_the_log_is_not_taken_back(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its event comes, or the reservation expires: both are in agent-state's and our fold."""
    monkeypatch.setattr(module, "OFFER_S", 0.05)
    desk = Desk()

    async def append(*_: Any) -> int:
        if how == "unavailable":
            raise StoreUnavailable("away")
        await asyncio.Event().wait()
        return 0

    desk.append = append
    await desk.offer()
    assert desk.released() == []
    assert desk.held() == (True, True), "for a pause"


async def test_a_fault_of_ours_lets_request_and_agent_go() -> None:
    def broken() -> Reply:
        raise RuntimeError("a fault of ours")

    desk = Desk(broken)
    await desk.offer()
    desk.story.later(0.5)
    assert len([found for found in desk.story.matches if found.request_id == "r1"]) == 1
