"""An instance that stood still must not act on what it saw before: found by tests/simulation, told here as a story.

agent-state asked a gateway for its calls and was frozen (SIGSTOP, a paused machine) before the answer came. When it woke, the
gateway had been silent for many seconds as it seemed, another instance had taken over, and the sleeper ended every call in the
house.
"""

from callstream.contracts.call_events import CallArrived
from callstream.contracts.commands import Command, Reply
from callstream.contracts.config import Settings
from callstream.contracts.envelope import NewEvent
from callstream.kernel.clock import ManualClock
from callstream.kernel.outcomes import Reason
from callstream.runtime.in_flight import InFlight
from callstream.runtime.memory_store import MemoryStore
from callstream.testing.apart import all_apart
from callstream_agent_state.app.reconcile import Reconcile
from callstream_agent_state.domain.roster import Roster


class Gateways:
    """Do not answer; the third question is cut short by `sleep`."""

    def __init__(self, clock: ManualClock, asleep_s: float) -> None:
        self.clock, self.asleep_s, self.asked = clock, asleep_s, 0

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        self.asked += 1
        self.clock.advance(self.asleep_s if self.asked == 3 else timeout_s * (retries + 1))
        return Reply(accepted=False, reason=Reason.UNAVAILABLE)


async def test_who_slept_ends_no_calls() -> None:
    clock, store, roster, holds = ManualClock(), MemoryStore(), Roster(), [True]
    await _call_comes_in(store, roster, clock)
    gateways = Gateways(clock, asleep_s=20)
    look = _reconcile(roster, store, gateways, clock, holds)
    await look.look()
    await look.look()
    holds[0] = False  # the lease went while it slept
    await look.look()
    assert [recorded.event.NAME for recorded in await store.read("acme", "call", "c1")] == ["arrived"]


async def test_a_gateway_that_is_truly_gone_loses_its_calls() -> None:
    clock, store, roster = ManualClock(), MemoryStore(), Roster()
    await _call_comes_in(store, roster, clock)
    look = _reconcile(roster, store, Gateways(clock, asleep_s=1), clock, [True])
    for _ in range(6):
        await look.look()
        clock.advance(1)
    told = [recorded.event.NAME for recorded in all_apart(await store.read("acme", "call", "c1"))]
    assert told == ["arrived", "leg-ended", "ended"]


async def _call_comes_in(store: MemoryStore, roster: Roster, clock: ManualClock) -> None:
    arrived = CallArrived(caller="", called="+861012345678", trunk="t", gateway="gw-0", leg_id="l1")
    new = NewEvent(id="e1", tenant="acme", aggregate_id="c1", time=clock.now(), event=arrived)
    await store.append("call", "c1", "acme", (new,), 0)
    for recorded in store.decode(store.messages):
        roster.evolve(recorded)


def _reconcile(roster: Roster, store: MemoryStore, gateways: Gateways, clock: ManualClock, holds: list[bool]) -> Reconcile:
    marks = InFlight(store)
    return Reconcile(roster, marks, store, gateways, clock, lambda _: Settings(), lambda _: holds[0])  # type: ignore[arg-type]
