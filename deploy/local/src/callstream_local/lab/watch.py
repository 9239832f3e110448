"""Following a log with a shadow: what it saw, how often it agreed, and the waits that its policy would have given."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from statistics import fmean

import msgspec

from callstream.contracts.envelope import Recorded
from callstream.contracts.subjects import events_of
from callstream.kernel.outcomes import RequestOutcome
from callstream.runtime.config_watch import Configuration
from callstream.runtime.event_store import EventStore
from callstream_local.folder import DataFolder
from callstream_local.lab.errors import LabError
from callstream_local.lab.export import read_export
from callstream_local.lab.policy import Policy
from callstream_local.lab.record import read_record
from callstream_local.lab.replay import as_it_was, material
from callstream_local.lab.shadow import Shadow, Verdict
from callstream_local.lab.simulate import simulate
from callstream_local.lab.source import of_tenant, policy_of, read_running, running_copy

Say = Callable[[Iterable[Verdict]], None]


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow's whole watch. Waits are of the answered, run again as it was under both policies; None: nothing to run."""

    offers: int
    agreed: int
    """The same request to the same agent."""
    sooner: int
    """Offers that the shadow had wanted to make to somebody before."""
    live_wait_s: float | None = None
    shadow_wait_s: float | None = None
    live_abandoned: int = 0
    shadow_abandoned: int = 0

    @property
    def sentence(self) -> str:
        """For a person."""
        if not self.offers:
            return "no offers were made meanwhile"
        text = (
            f"{self.agreed} of {self.offers} offers agreed ({100 * self.agreed / self.offers:.1f} %), {self.sooner} wanted sooner"
        )
        if self.live_wait_s is None or self.shadow_wait_s is None:
            return text
        return (
            f"{text}; average wait {self.shadow_wait_s:.1f} s instead of {self.live_wait_s:.1f} s, "
            f"abandoned {self.shadow_abandoned} instead of {self.live_abandoned}"
        )


class Watch:
    """`begin` with the live policy, then `take` every event of the tenant in log order."""

    def __init__(self, candidate: Callable[[Policy], Policy], offers: int = 0) -> None:
        """`offers`: stop judging after so many; 0: never."""
        self.verdicts: list[Verdict] = []
        self._candidate, self._limit = candidate, offers
        self._events: list[Recorded] = []
        self._since: datetime | None = None
        self._live = self._other = Policy()
        self._shadow: Shadow | None = None

    @property
    def full(self) -> bool:
        """Whether it has judged as many offers as were wanted."""
        return 0 < self._limit <= len(self.verdicts)

    @property
    def position(self) -> int:
        """Events taken so far."""
        return len(self._events)

    def begin(self, live: Policy, tenant: str) -> None:
        """Raises LabError when the candidate does not go with the live policy."""
        self._live, self._other = live, self._candidate(live)
        self._shadow = Shadow(self._other, tenant)

    def take(self, recorded: Recorded, *, judge: bool = True) -> Verdict | None:
        """One event; `judge` is off for what lies before the watch and only makes the state."""
        if self._shadow is None or self.full:
            return None
        verdict = self._shadow.take(recorded)
        self._events.append(recorded)
        if judge and self._since is None:
            self._since = recorded.time
        if verdict is None or not judge:
            return None
        self.verdicts.append(verdict)
        return verdict

    def sum(self, seed: int) -> Sum:
        """So far. Who asked since the watch began is run again under both policies, handle times and patience as recorded."""
        counted = Sum(
            offers=len(self.verdicts),
            agreed=sum(1 for verdict in self.verdicts if verdict.agrees),
            sooner=sum(1 for verdict in self.verdicts if verdict.sooner),
        )
        try:
            workload = as_it_was(material(read_record(self._events), self._live, self._since), seed)
        except LabError:
            return counted
        waits, abandoned = [], []
        for policy in (self._live, self._other):
            fates = [fate for fate in simulate(workload, policy).fates if fate.contact.at >= workload.begin]
            answered = [fate.waited_s for fate in fates if fate.outcome is RequestOutcome.ANSWERED]
            waits.append(fmean(answered) if answered else None)
            abandoned.append(sum(1 for fate in fates if fate.outcome is RequestOutcome.ABANDONED))
        return msgspec.structs.replace(
            counted,
            live_wait_s=waits[0],
            shadow_wait_s=waits[1],
            live_abandoned=abandoned[0],
            shadow_abandoned=abandoned[1],
        )


def judge_past(watch: Watch, log: Path | None, folder: DataFolder, tenant: str, say: Say) -> None:
    """A file, or the log of the running copy up to now."""
    if log is None:
        policy, events = asyncio.run(read_running(folder, tenant))
    else:
        kept, told = read_export(log)
        if kept is None:
            raise LabError(f"{log}, line 1", "should hold the configuration, as `callstream events export` writes it")
        policy, events = kept, of_tenant(told, tenant)
    watch.begin(policy, events[0].tenant)
    say(verdict for recorded in events if (verdict := watch.take(recorded)) is not None)


async def watch_running(watch: Watch, folder: DataFolder, tenant: str, say: Say) -> None:
    """The copy that runs on `folder`, until the watch is full."""
    async with running_copy(folder) as (store, configuration):
        await watch_log(watch, store, configuration, tenant, say)


async def watch_log(watch: Watch, store: EventStore, configuration: Configuration, tenant: str, say: Say) -> None:
    """Until the watch is full. What the log holds already makes the state; judged is what comes from now on."""
    tenants = configuration.tenants()
    if not tenant and len(tenants) != 1:
        raise LabError("tenant", f"name one of {', '.join(tenants)}" if tenants else "nothing is configured yet")
    tenant = tenant or tenants[0]
    watch.begin(policy_of(configuration, tenant), tenant)
    since = await store.last_seq()
    done = asyncio.Event()

    async def take(batch: list[Recorded]) -> None:
        for recorded in batch:
            verdict = watch.take(recorded, judge=recorded.seq > since)
            say([verdict] if verdict is not None else [])
        if watch.full:
            done.set()

    subscription = await store.subscribe([events_of("*", "*", tenant)], 0, take)
    try:
        await done.wait()
    finally:
        await subscription.stop()
