"""Events a second into real PostgreSQL, through the real projector of reporting, in the batches that the log hands over."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from callstream.contracts import agent_events, call_events, ivr_events, queue_events
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import AgentState, LegRole
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream.runtime.memory_store import MemoryStore
from callstream.runtime.migrations import open_pool
from callstream.runtime.pull_reader import BATCH
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.scratch import data_folder
from callstream_local.embedded.postgres import EmbeddedPostgres
from callstream_reporting import migrations
from callstream_reporting.adapters.projection import Projection
from callstream_reporting.app.on_events import Projector

EVENTS = 20_000
_BEGIN = datetime(2026, 1, 1, 8, tzinfo=UTC)


async def measure(say: Say) -> dict[str, Any]:
    """Every commit waits for the disk, as by default."""
    say("making a database")
    events = [*itertools.islice(story_of_calls(), EVENTS)]
    with data_folder() as folder:
        async with EmbeddedPostgres(folder) as postgres:
            pool = await open_pool(postgres.url("reporting"), "callstream_reporting", migrations.HEAD)
            try:
                say(f"{EVENTS} events")
                projector = Projector(MemoryStore(), Projection(pool))
                await projector.start()
                began = time.perf_counter()
                for first in range(0, EVENTS, BATCH):
                    await projector.on_batch(events[first : first + BATCH])
                took = time.perf_counter() - began
                rows = await pool.fetchval("select count(*) from timeline")
            finally:
                async with asyncio.timeout(10):
                    await pool.close()
    if rows != EVENTS:
        raise CannotMeasure(f"{rows} of {EVENTS} events stand in the table")
    return {"projection_events_per_s": rounded(EVENTS / took)}


def story_of_calls() -> Iterator[Recorded]:
    """One answered call after the other, as the log tells them."""
    seq = itertools.count(1)
    for number in itertools.count():
        call_id, begin = f"CALL{number:012d}", _BEGIN + timedelta(seconds=number)
        for step, (aggregate_id, fact) in enumerate(_facts(call_id, f"{1001 + number % 100}", begin)):
            position = next(seq)
            yield Recorded(
                seq=position,
                id=f"{call_id}-{step}",
                tenant="default",
                aggregate=fact.AGGREGATE,
                aggregate_id=aggregate_id,
                time=begin + timedelta(milliseconds=step * 50),
                event=fact,
                source="bench",
                correlation_id=call_id,
            )


def _facts(call_id: str, agent_id: str, begin: datetime) -> Iterator[tuple[str, Event]]:
    request, offer, customer, leg = f"{call_id}-r1", f"{call_id}-o1", f"{call_id}-c", f"{call_id}-a"
    number = "+861055550100"

    def state(to: AgentState, before: AgentState, cause: str) -> tuple[str, Event]:
        changed = agent_events.AgentStateChanged(
            state=to, previous=before, cause=cause, actor="system", call_id=call_id, offer_id=offer, request_id=request
        )
        return agent_id, changed

    arrived = call_events.CallArrived(
        caller="+8613800000000", called=number, trunk="carrier", gateway="media-gateway-0", leg_id=customer
    )
    yield call_id, arrived
    wanted = ivr_events.AgentRequested(
        request_id=request,
        call_id=call_id,
        group_id="sales",
        caller="+8613800000000",
        called=number,
        gateway="media-gateway-0",
        customer_leg_id=customer,
        handled=1,
        node_id="queue",
        label="Queue",
        started=ivr_events.IvrStarted(flow_id="hotline", flow_version=1, number=number, handled=1),
    )
    yield call_id, wanted
    yield call_id, call_events.CallAnswered()
    yield request, queue_events.ContactQueued(call_id=call_id, group_id="sales", priority=3, enqueued_at=begin, ahead=0)
    yield state(AgentState.RINGING, AgentState.IDLE, "reserved")
    candidates = tuple(queue_events.Candidate(agent_id=str(1001 + i), idle_ms=1000 - i, rank=i + 1) for i in range(50))
    decision = queue_events.Decision(
        rule="longest-idle", rule_version=1, group_id="sales", waited_ms=5, ahead=0, eligible=50, candidates=candidates
    )
    made = queue_events.OfferMade(
        offer_id=offer, call_id=call_id, gateway="media-gateway-0", agent_id=agent_id, ring_deadline=begin, decision=decision
    )
    yield request, made
    started = call_events.LegStarted(leg_id=leg, role=LegRole.AGENT, offer_id=offer, agent_id=agent_id)
    yield call_id, call_events.LegRinging(leg_id=leg, started=started)
    yield call_id, call_events.OfferAnswered(offer_id=offer, request_id=request, agent_id=agent_id, leg_id=leg)
    recording = call_events.RecordingStarted(recording_id=f"{call_id}-r1", agent_id=agent_id)
    bridged = call_events.CallBridged(
        offer_id=offer, agent_id=agent_id, customer_leg_id=customer, agent_leg_id=leg, recording=recording
    )
    yield call_id, bridged
    yield state(AgentState.BUSY, AgentState.RINGING, "answered")
    left = queue_events.ContactLeft(
        call_id=call_id,
        outcome=RequestOutcome.ANSWERED,
        reason=Reason.ANSWERED,
        waited_ms=100,
        agent_id=agent_id,
        offer_id=offer,
    )
    yield request, left
    legs = tuple(
        call_events.LegEnded(leg_id=leg_id, role=role, reason=Reason.AGENT_HUNG_UP, agent_id=who)
        for leg_id, role, who in ((leg, LegRole.AGENT, agent_id), (customer, LegRole.CUSTOMER, ""))
    )
    yield call_id, call_events.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT, legs=legs)
    yield state(AgentState.WRAP_UP, AgentState.BUSY, "call-ended")
    ready = call_events.RecordingReady(
        recording_id=f"{call_id}-r1",
        path=f"default/2026/01/01/{call_id}-r1.mp3",
        duration_ms=100,
        size_bytes=900,
        sha256="0" * 64,
    )
    yield call_id, ready
    yield state(AgentState.IDLE, AgentState.WRAP_UP, "wrap-up-timer")
