"""One running copy for all end-to-end tests, and the demo's call centre in it.

The copy stays up between tests, as a real one does: each test brings its own agents, signs them out at the end, and looks only
at what happened since it began.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count

import pytest
import pytest_asyncio

from callstream_local.config import StackOptions
from callstream_local.demo.manifest import GUEST, NUMBER, agent_ids, demo_manifest
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.scenario import Scenario
from callstream_local.phones.plans import AgentPlan, Answer, CallPlan, Reaction
from callstream_local.phones.tones import agent_tone, caller_tone
from callstream_local.stack import Stack

PASSWORDS = {user: f"secret-{user}" for user in [*agent_ids(8), GUEST]}

OpenCentre = Callable[..., AbstractAsyncContextManager[Rehearsal]]
_caller_numbers = count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Event log, database and all services."""
    async with Stack(tmp_path_factory.mktemp("stack"), StackOptions(durability="fast")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_centre(stack: Stack) -> OpenCentre:
    """`async with open_centre(callers, agents) as centre:` configured, phones registered, agents signed in; out at the end."""

    @asynccontextmanager
    async def opened(callers: Sequence[CallPlan] = (), agents: Sequence[AgentPlan] = ()) -> AsyncIterator[Rehearsal]:
        scenario = Scenario(tuple(callers), tuple(agents))
        async with Rehearsal(stack, scenario, demo_manifest(PASSWORDS)) as centre:
            await centre.prepare()
            try:
                yield centre
            finally:
                await centre.leave()

    return opened


def caller(**what: object) -> CallPlan:
    """A caller with a number and a tone that no other test has used: presses 1 after the welcome, talks for a second."""
    number = next(_caller_numbers)
    usual: dict[str, object] = {"keys": ("1",), "listen_ms": (1500,), "talk_s": 1.0}
    plan: dict[str, object] = {"caller": f"+86139{number:08d}", "called": NUMBER, "tone_hz": caller_tone(number)}
    return CallPlan(**(plan | usual | what))  # type: ignore[arg-type]


def agent(index: int, *reactions: Reaction) -> AgentPlan:
    """The agent with this number; answers and leaves the hanging up to the caller unless told otherwise."""
    user = agent_ids(index + 1)[index]
    return AgentPlan(user, PASSWORDS[user], agent_tone(index), reactions or (Answer(after_s=0.2),))
