"""Following the log for a person."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from callstream.contracts.envelope import Recorded
from callstream.contracts.facts import carriers_of, facts_in
from callstream.contracts.outcome import call_of
from callstream.contracts.subjects import events_of
from callstream.runtime.connect import connect
from callstream.runtime.jetstream_store import JetStreamStore
from callstream_local import state
from callstream_local.embedded.nats_permissions import OPERATOR
from callstream_local.folder import DataFolder
from callstream_local.inside.api import NotRunning
from callstream_local.inside.meaning import meaning
from callstream_local.lock import holder


@dataclass(frozen=True)
class Filter:
    """What to show; empty fields match everything."""

    call: str = ""
    agent: str = ""
    aggregate: str = ""
    name: str = ""

    def subjects(self) -> list[str]:
        """The narrowest subjects that hold all of it: a fact may stand in another event."""
        return [events_of(self.aggregate or "*", name) for name in ((self.name, *carriers_of(self.name)) if self.name else "*")]

    def matches(self, recorded: Recorded) -> bool:
        """Whether to show this event."""
        facts = [fact for fact in facts_in(recorded.event) if self.name in ("", fact.NAME)]
        ours = recorded.aggregate == "agent" and recorded.aggregate_id == self.agent
        of_agent = ours or any(getattr(fact, "agent_id", "") == self.agent for fact in facts)
        return bool(facts) and (not self.call or call_of(recorded) == self.call) and (not self.agent or of_agent)


async def follow(folder: DataFolder, wanted: Filter, *, past: int, count: int, say: Callable[[str], None]) -> None:
    """Say each matching event until `count` are said (0: for ever). Raises NotRunning."""
    now = state.read(folder)
    if holder(folder) is None or now is None:
        raise NotRunning(f"nothing runs on {folder.root}; start it with `callstream up`")
    nc = await connect(now.nats, name="events tail", user=OPERATOR, password=folder.secret(f"nats:{OPERATOR}"))
    store = JetStreamStore(nc, OPERATOR)
    done = asyncio.Event()
    said = 0

    async def show(batch: list[Recorded]) -> None:
        nonlocal said
        for recorded in batch:
            if done.is_set() or not wanted.matches(recorded):
                continue
            say(line_of(recorded))
            said += 1
            if said == count:
                done.set()

    subscription = await store.subscribe(wanted.subjects(), max(0, await store.last_seq() - past), show)
    try:
        await done.wait()
    finally:
        await subscription.stop()
        await nc.close()


def line_of(recorded: Recorded) -> str:
    """One event on one line."""
    name = f"{recorded.aggregate}.{recorded.event.NAME}"
    return (
        f"{recorded.seq:>8} {recorded.time:%H:%M:%S.%f}"[:21]
        + f" {recorded.source:<14} {recorded.tenant}/{recorded.aggregate_id:<26} {name:<24} {meaning(recorded.event)}"
    )
