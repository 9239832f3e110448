"""How many calls a second 100 agents serve whose every second counts: 150 callers, 1 s of talk, so 100/s would be ideal.

The settings' least wrap-up is 1 s, which the comparable systems were not given: here every agent ends it at once by the command
that the button "start answering" sends (F051). Counted are answers between AFTER and the last new call.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_events import OfferAnswered
from callstream.contracts.commands import EndWrapUp
from callstream.contracts.envelope import Recorded
from callstream.contracts.states import AgentState
from callstream.contracts.subjects import events_of
from callstream.runtime.commands import Commands
from callstream.runtime.jetstream_store import JetStreamStore
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import KeepWaiting
from callstream_local.bench.figures import rounded
from callstream_local.bench.house import House
from callstream_local.bench.part import Say

AGENTS, CALLERS = 100, 150
TALK_S = 1.0
SECONDS = 16.0
AFTER = timedelta(seconds=4)
ANSWERS = events_of("call", OfferAnswered.NAME)


async def measure(say: Say) -> dict[str, Any]:
    """See the module's docstring."""
    say("starting")
    async with House(AGENTS, talk_s=TALK_S) as house:
        await house.open()
        before = await house.log_position()
        say(f"{CALLERS} callers, {AGENTS} agents, {TALK_S:.0f} s of talk, {SECONDS:.0f} s")
        async with _eager_agents(house, before):
            outcome = await house.crowd.ask(KeepWaiting(callers=CALLERS, seconds=SECONDS))
        if not outcome.clean:
            raise CannotMeasure(f"{outcome.completed} of {outcome.placed} calls completed: {outcome.failed}")
        answers = await house.read_log([ANSWERS], before)
    return {"saturated_calls_per_s": rounded(answers_per_s(answers, SECONDS))}


def answers_per_s(answers: list[Recorded], seconds: float) -> float:
    """Answers a second from AFTER the first one until `seconds` behind it, when the last new call is placed."""
    if not answers:
        return 0.0
    begin, end = answers[0].time + AFTER, answers[0].time + timedelta(seconds=seconds)
    return sum(1 for answer in answers if begin <= answer.time < end) / (end - begin).total_seconds()


@asynccontextmanager
async def _eager_agents(house: House, after: int) -> AsyncIterator[None]:
    """Every agent who comes into wrap-up ends it."""
    client = await house.stack.nats.connect()
    commands = Commands(client)
    ending: set[asyncio.Task[Any]] = set()

    async def end_wrap_up(batch: list[Recorded]) -> None:
        for recorded in batch:
            event = recorded.event
            if isinstance(event, AgentStateChanged) and event.state is AgentState.WRAP_UP:
                agent_id = recorded.aggregate_id
                command = EndWrapUp(command_id=f"{recorded.id}-end", agent_id=agent_id, actor=agent_id)
                task = asyncio.create_task(commands.send(command, recorded.tenant))
                ending.add(task)
                task.add_done_callback(ending.discard)

    subscription = await JetStreamStore(client, "bench").subscribe(
        [events_of("agent", AgentStateChanged.NAME)], after, end_wrap_up
    )
    try:
        yield
    finally:
        await subscription.stop()
        await asyncio.gather(*ending)
        await client.close()
