"""How soon the standby acts: the active copy of routing, then of agent-state, gets kill -9, and a caller waits meanwhile.

From the kill until the caller's offer stands in the log; for agent-state that holds the whole way through both services. An agent
is in wrap-up while agent-state is killed: how late its end comes is told too.
"""

from typing import Any
from zlib import crc32

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.commands import SignIn
from callstream.contracts.config import Agent, Settings, SkillGroup
from callstream.contracts.envelope import Recorded
from callstream.contracts.queue_events import OfferMade
from callstream.contracts.states import AgentState
from callstream_local.bench.copies import TENANT, Copies
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.scratch import data_folder

ROUNDS = 4
AGENTS = ("1001", "1002", "1003")
GROUP = "all"


async def measure(say: Say) -> dict[str, Any]:
    """`takeover_s` is the longest of all rounds."""
    documents = [
        Settings(ring_timeout_s=30, wrap_up_s=2),
        SkillGroup(id=GROUP, name=GROUP),
        *[Agent(id=one, name=one, email=f"{one}@bench.example", groups=(GROUP,), sip_user=one) for one in AGENTS],
    ]
    with data_folder() as folder:
        say("starting")
        async with Copies(folder, documents) as copies:
            return await _rounds(copies, say)


async def _rounds(copies: Copies, say: Say) -> dict[str, Any]:
    for service in ("routing", "agent-state"):
        for copy in (0, 1):
            await copies.start(service, copy)
    for service in ("routing", "agent-state"):
        for copy in (0, 1):
            await copies.ready(service, copy)
    for agent_id in AGENTS:
        await copies.ask(SignIn(command_id=copies.id(), agent_id=agent_id, actor=agent_id))
    active = crc32(TENANT.encode()) % copies.count
    took: dict[str, list[float]] = {"routing": [], "agent-state": []}
    late: list[float] = []
    for number in range(ROUNDS):
        for service in took:
            say(f"kill -9 of {service}, {number + 1} of {ROUNDS}")
            before = await _offered(copies, f"before-{service}-{number}")
            await copies.answer(before[1])
            await copies.hang_up(before[1])
            wrap_up = await _state(copies, before[1].offer_id, AgentState.WRAP_UP)
            killed = await copies.kill(service, active)
            offered, offer = await _offered(copies, f"at-{service}-{number}")
            took[service].append(offered - killed)
            if service == "agent-state":
                late.append(await _lateness(copies, wrap_up))
            await copies.answer(offer)
            await copies.hang_up(offer)
            await _idle_again(copies, await _state(copies, offer.offer_id, AgentState.WRAP_UP))
            await copies.start(service, active)
            await copies.ready(service, active)
        active = 1 - active
    return {
        "takeover_s": rounded(max(max(times) for times in took.values())),
        "takeover_routing_s": [rounded(one) for one in took["routing"]],
        "takeover_agent_state_s": [rounded(one) for one in took["agent-state"]],
        "takeover_wrap_up_late_ms": [rounded(one) for one in late],
    }


async def _offered(copies: Copies, name: str) -> tuple[float, OfferMade]:
    """A call asks for an agent; when it was offered, and to whom."""
    await copies.request(name, GROUP)
    at, recorded = await copies.seen(
        lambda one: isinstance(one.event, OfferMade) and one.aggregate_id == name, f"an offer for {name}"
    )
    assert isinstance(recorded.event, OfferMade)  # noqa: S101  (what was waited for)
    return at, recorded.event


async def _state(copies: Copies, offer_id: str, state: AgentState) -> Recorded:
    def wanted(one: Recorded) -> bool:
        return isinstance(one.event, AgentStateChanged) and one.event.offer_id == offer_id and one.event.state is state

    return (await copies.seen(wanted, f"{state} after {offer_id}"))[1]


async def _idle_again(copies: Copies, after: Recorded) -> Recorded:
    def wanted(one: Recorded) -> bool:
        changed = isinstance(one.event, AgentStateChanged) and one.aggregate_id == after.aggregate_id
        return changed and one.seq > after.seq

    return (await copies.seen(wanted, "the end of wrap-up"))[1]


async def _lateness(copies: Copies, wrap_up: Recorded) -> float:
    """Milliseconds between the planned end of wrap-up and its end."""
    ended = await _idle_again(copies, wrap_up)
    assert isinstance(wrap_up.event, AgentStateChanged)  # noqa: S101
    assert wrap_up.event.deadline is not None  # noqa: S101
    return (ended.time - wrap_up.event.deadline).total_seconds() * 1000
