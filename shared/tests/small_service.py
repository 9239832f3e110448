"""A whole service as small as can be, as its own process: it counts agents' sign-ins and signs one out after it was asked.

Run with `python -m …` by test_service.py; also the example that docs/runtime.md explains.
"""

import asyncio
import uuid
from typing import Any

from callstream.contracts.agent_events import AgentSignedIn, AgentSignedOut
from callstream.contracts.commands import AgentView, EndWrapUp, GetAgent, ListAgents
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.contracts.states import AgentState
from callstream.contracts.subjects import events_of
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.service import Service, run
from callstream.runtime.snapshots import Snapshot


class State:
    """Who is signed in, and the sequence of each agent's last event."""

    def __init__(self) -> None:
        self.online: dict[str, int] = {}
        self.versions: dict[str, int] = {}

    def evolve(self, recorded: Recorded) -> None:
        self.versions[recorded.aggregate_id] = recorded.seq
        if isinstance(recorded.event, AgentSignedIn):
            self.online[recorded.aggregate_id] = self.online.get(recorded.aggregate_id, 0) + 1
        elif isinstance(recorded.event, AgentSignedOut):
            self.online.pop(recorded.aggregate_id, None)

    def restore(self, kept: tuple[dict[str, int], dict[str, int]]) -> None:
        self.online, self.versions = kept


async def wire(service: Service) -> None:
    state = State()
    wanted: set[str] = set()
    marks = service.in_flight()
    lease = service.lease("agent-state")

    def react() -> None:
        for agent_id in list(wanted):
            if agent_id not in state.online:
                wanted.discard(agent_id)
            elif ("acme", "agent", agent_id) not in marks:
                event = NewEvent(
                    id=uuid.uuid4().hex,
                    tenant="acme",
                    aggregate_id=agent_id,
                    time=service.clock.now(),
                    event=AgentSignedOut(actor="system"),
                )
                marks.append("agent", agent_id, "acme", [event], state.versions[agent_id])

    async def get(command: GetAgent, _: str) -> AgentView:
        if command.agent_id not in state.online:
            raise Refusal(Reason.UNKNOWN_AGENT, "is not signed in", "agent_id")
        return AgentView(agent_id=command.agent_id, state=AgentState.IDLE, since=str(state.online[command.agent_id]))

    async def sign_out(command: EndWrapUp, _: str) -> None:
        wanted.add(command.agent_id)
        follower.wake()

    async def wait(_: ListAgents, __: str) -> list[Any]:
        await asyncio.sleep(0.5)
        return []

    follower = service.follow(
        [events_of("agent")],
        state.evolve,
        react=react,
        in_flight=marks,
        active=lease.held,
        snapshot=Snapshot(
            1,
            tuple[dict[str, int], dict[str, int]],
            lambda: (state.online, state.versions),
            state.restore,
        ),
    )
    service.on_command(GetAgent, get)
    service.on_command(EndWrapUp, sign_out)
    service.on_command(ListAgents, wait)


if __name__ == "__main__":
    run("agent-state", wire)
