"""Makes an offer of a match: reserves the agent, then appends `queue.offer-made`.

Request and agent are held meanwhile, so that nobody else decides about them. Whatever goes wrong, nothing is lost: the request
still waits in the log, and a reservation without an offer expires in agent-state by itself; giving it back is only sooner.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import structlog

from callstream.contracts.commands import ReleaseAgent, Reply, Reservation, ReserveAgent
from callstream.contracts.envelope import NewEvent
from callstream.contracts.queue_events import OfferMade
from callstream.contracts.states import Terminal
from callstream.kernel.clock import Clock
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream.runtime.event_store import EventStore, StoreRefused, StoreUnavailable, VersionConflict
from callstream_routing.app.asking import Asking
from callstream_routing.app.call_back import AWAY, CallBackBegin
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match
from callstream_routing.domain.prompts import for_agent
from callstream_routing.domain.request import Callback, Request

RESERVE_S = 1.5
OFFER_S = 2.5
"""From the start of an attempt: a later answer is not used, and a later offer not appended. The reservation lasts 3 s, and once
it has expired the agent could be ringing for another offer already (F048)."""
AFTER_REFUSAL = timedelta(milliseconds=250)
"""A refused agent is not tried again before their next event, at the latest after this time."""
AFTER_SILENCE = timedelta(milliseconds=500)
"""agent-state or the log is away: the pause before the next attempt."""
AFTER_NO_GATEWAY = timedelta(seconds=5)
"""The pause of a callback that no gateway could begin."""
NO_PAUSE = timedelta()
_UNKNOWN = frozenset({Reason.UNAVAILABLE, Reason.INTERNAL, Reason.DRAINING, Reason.CONFLICT})
"""Refusals behind which a reservation may stand all the same."""

log = structlog.get_logger(__name__)


class Offering:
    """`start(match)`; `settled()` for the drain."""

    def __init__(self, hall: Hall, store: EventStore, asking: Asking, configuration: Configuration, clock: Clock) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Asks for a reaction; the wiring sets it to the follower's."""
        self._hall, self._store, self._asking = hall, store, asking
        self._configuration, self._clock = configuration, clock
        self._call_back = CallBackBegin(hall, store, asking, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, found: Match) -> None:
        """Try to make the offer, in the background."""
        task = asyncio.create_task(self._offer(found))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait for the attempts under way."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _offer(self, found: Match) -> None:
        try:
            loop = asyncio.get_running_loop()
            began = loop.time()
            reply = await self._reserve(found)
            request = self._still_wanted(found)
            if not reply.accepted:
                await self._refused(found, reply)
            elif request is None or loop.time() - began > RESERVE_S:
                self._free(found, request_pause=NO_PAUSE, seat_pause=AFTER_REFUSAL)
                await self._give_back(found)
            elif request.callback is not None:
                await self._make_callback(found, request, request.callback, where_to(reply), began + OFFER_S)
            else:
                await self._make(found, request, where_to(reply), began + OFFER_S, request.gateway)
        except Exception:
            log.exception("offer failed", offer_id=found.offer_id, agent_id=found.agent_id)
            self._free(found, request_pause=AFTER_SILENCE, seat_pause=AFTER_SILENCE)

    async def _reserve(self, found: Match) -> Reply:
        command = ReserveAgent(
            command_id=derived_id("reserve", found.offer_id),
            agent_id=found.agent_id,
            offer_id=found.offer_id,
            request_id=found.request_id,
            call_id=found.call_id,
        )
        return await self._asking.send(command, found.tenant, timeout_s=RESERVE_S, retries=0, call_id=found.call_id)

    async def _refused(self, found: Match, reply: Reply) -> None:
        """The next candidate is found by the next reaction."""
        log.info("reservation refused", agent_id=found.agent_id, offer_id=found.offer_id, reason=str(reply.reason))
        if reply.reason in _UNKNOWN:
            self._free(found, request_pause=AFTER_SILENCE, seat_pause=AFTER_SILENCE)
            await self._give_back(found)
        else:
            self._free(found, request_pause=NO_PAUSE, seat_pause=AFTER_REFUSAL)

    def _still_wanted(self, found: Match) -> Request | None:
        """The request as it was matched, or None: the caller may have left while agent-state was asked."""
        request = self._hall.board(found.tenant).requests.get(found.request_id)
        if request is None or request.ending is not None or request.version != found.version:
            return None
        return request

    async def _make_callback(self, found: Match, request: Request, callback: Callback, where: Reservation, until: float) -> None:
        """As `_make`, once a gateway has the call. Without one the agent is free for who is on the line."""
        gateway = await self._call_back.begin(found, request, callback)
        if not isinstance(gateway, Reason) and self._still_wanted(found) is not None:
            await self._make(found, request, where, until, gateway)
            return
        if isinstance(gateway, Reason) and gateway not in AWAY and self._still_wanted(found) is not None:
            await self._call_back.give_up(found, request, callback, gateway)
        pause = AFTER_NO_GATEWAY if isinstance(gateway, Reason) else NO_PAUSE
        self._free(found, request_pause=pause, seat_pause=AFTER_REFUSAL)
        await self._give_back(found)

    async def _make(self, found: Match, request: Request, where: Reservation, until: float, gateway: str) -> None:
        """Append the offer; its own event ends the holds when it comes back."""
        now = self._clock.now()
        offer = OfferMade(
            offer_id=found.offer_id,
            call_id=found.call_id,
            gateway=gateway,
            agent_id=found.agent_id,
            ring_deadline=now + timedelta(seconds=self._configuration.settings(found.tenant).ring_timeout_s),
            decision=found.decision,
            customer_leg_id=request.customer_leg_id,
            connect_prompt=for_agent(request.connect_prompt, found.agent_id),
            terminal=where.terminal,
            address=where.address,
        )
        new = NewEvent(
            id=derived_id("offer-made", found.offer_id),
            tenant=found.tenant,
            aggregate_id=request.id,
            time=now,
            event=offer,
            correlation_id=found.call_id,
            causation_id=request.last_event_id,
        )
        try:
            async with asyncio.timeout_at(until):
                await self._store.append("queue", request.id, found.tenant, (new,), found.version)
        except (StoreUnavailable, TimeoutError) as error:
            # Whether the offer stands in the log is open. If not, the reservation expires; if so, its event comes to us.
            log.warning("offer not answered", offer_id=found.offer_id, error=str(error))
            self._free(found, request_pause=AFTER_SILENCE, seat_pause=AFTER_SILENCE)
        except (VersionConflict, StoreRefused) as error:
            log.warning("offer not made", offer_id=found.offer_id, error=str(error))
            self._free(found, request_pause=AFTER_REFUSAL, seat_pause=AFTER_REFUSAL)
            await self._give_back(found)

    async def _give_back(self, found: Match) -> None:
        """Accepted, refused or not answered: agent-state ends the reservation in any case, at the latest by its expiry."""
        command = ReleaseAgent(
            command_id=derived_id("release", found.offer_id),
            agent_id=found.agent_id,
            offer_id=found.offer_id,
        )
        await self._asking.send(command, found.tenant)

    def _free(self, found: Match, *, request_pause: timedelta, seat_pause: timedelta) -> None:
        """Let others decide again about the request and the agent, after a pause."""
        board, now = self._hall.touch(found.tenant), self._clock.now()
        request = board.requests.get(found.request_id)
        if request is not None and request.held_until is not None:
            board.hold(request, now + request_pause if request_pause else None)
        seat = board.seat(found.agent_id)
        if seat.held_until is not None:
            board.hold_seat(seat, now + seat_pause)
        self.wake()


def where_to(reply: Reply) -> Reservation:
    """The terminal that agent-state has chosen; an older agent-state knows desk phones only and does not say."""
    return msgspec.json.decode(reply.result, type=Reservation | None) or Reservation(terminal=Terminal.DESK_PHONE)
