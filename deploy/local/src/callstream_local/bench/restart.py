"""How long routing and agent-state take to be ready again with 5,000 agents and 10,000 waiting: killed, and stopped cleanly.

From the start of the process to its first 200 on /readyz: the interpreter, 5,000 documents, the snapshot or the whole log.
"""

import time
from typing import Any

from callstream.contracts.agent_events import AgentSignedIn, AgentStateChanged
from callstream.contracts.config import Agent, Settings, SkillGroup
from callstream.contracts.queue_events import ContactQueued
from callstream.contracts.states import AgentState
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.copies import Copies, in_turns
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.scratch import data_folder
from callstream_local.bench.waiting import until

AGENTS, GROUPS, WAITING = 5_000, 50, 10_000
QUEUED_WITHIN_S = 120.0
SERVICES = ("agent-state", "routing")


async def measure(say: Say) -> dict[str, Any]:
    """`restart_s` is the longer of both services after kill -9."""
    groups = [f"g{number}" for number in range(GROUPS)]
    agents = [f"{10_000 + number}" for number in range(AGENTS)]
    documents = [
        Settings(),
        *[SkillGroup(id=group, name=group) for group in groups],
        *[
            Agent(id=one, name=one, email=f"{one}@bench.example", groups=(groups[number % GROUPS],), sip_user=one)
            for number, one in enumerate(agents)
        ],
    ]
    with data_folder() as folder:
        say(f"{AGENTS} agents, {WAITING} waiting")
        async with Copies(folder, documents, count=1) as copies:
            await in_turns(agents, lambda agent_id: _on_break(copies, agent_id))
            await in_turns(range(WAITING), lambda number: copies.request(f"r{number}", groups[number % GROUPS]))
            for service in SERVICES:
                await copies.start(service)
                await copies.ready(service)
            await _all_queued(copies)
            killed, left = {}, {}
            for service in SERVICES:
                say(f"kill -9 of {service}")
                await copies.kill(service)
                killed[service] = await _start(copies, service)
                say(f"clean restart of {service}")
                await copies.leave(service)
                left[service] = await _start(copies, service)
    return {
        "restart_s": rounded(max(killed.values())),
        "restart_killed_s": {service: rounded(took) for service, took in killed.items()},
        "restart_clean_s": {service: rounded(took) for service, took in left.items()},
    }


async def _on_break(copies: Copies, agent_id: str) -> None:
    """Signed in, and away: so all who ask wait."""
    await copies.tell(agent_id, AgentSignedIn(terminal="", actor=agent_id))
    changed = AgentStateChanged(
        state=AgentState.BREAK, previous=AgentState.OFFLINE, cause="sign-in", actor=agent_id, reason="meal"
    )
    await copies.tell(agent_id, changed)


async def _all_queued(copies: Copies) -> None:
    async def queued() -> int:
        return sum(isinstance(recorded.event, ContactQueued) for _, recorded in copies.log)

    count = await until(queued, lambda count: count >= WAITING, QUEUED_WITHIN_S)
    if count < WAITING:
        raise CannotMeasure(f"{count} of {WAITING} requests are queued after {QUEUED_WITHIN_S:.0f} s")


async def _start(copies: Copies, service: str) -> float:
    began = time.monotonic()
    await copies.start(service)
    await copies.ready(service)
    return time.monotonic() - began
