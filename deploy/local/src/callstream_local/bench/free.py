"""How soon a free agent rings: 150 callers for 100 agents who talk 0.6 s on the average and wrap up for 1 s, so somebody always
waits, at some 60 calls a second. Talks differ as real ones do: with equal ones all agents become free within the same third of a
second, and what is measured is a convoy of 300 calls a second.

From `agent.state-changed` to idle (ce-time: when agent-state decided it, before it was stored) to `queue.offer-made` (ce-time)
and to the arrival of the INVITE at the phone. One machine, one clock; ce-time counts whole milliseconds.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.envelope import Recorded
from callstream.contracts.queue_events import OfferMade
from callstream.contracts.states import AgentState
from callstream.contracts.subjects import events_of
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import KeepWaiting
from callstream_local.bench.figures import p50_p99, rounded
from callstream_local.bench.house import House
from callstream_local.bench.part import Say

AGENTS, CALLERS = 100, 150
TALK_S = 0.6
SECONDS = 16.0
AFTER = timedelta(seconds=3)
"""The first agents were free before there was a caller."""
LEAST = 500
FOLLOWED = (events_of("agent", AgentStateChanged.NAME), events_of("queue", OfferMade.NAME))


async def measure(say: Say) -> dict[str, Any]:
    """See the module's docstring."""
    say("starting")
    async with House(AGENTS, talk_s=TALK_S, varied=True) as house:
        await house.open()
        before = await house.log_position()
        say(f"{CALLERS} callers, {AGENTS} agents, {SECONDS:.0f} s")
        outcome = await house.crowd.ask(KeepWaiting(callers=CALLERS, seconds=SECONDS))
        if not outcome.clean:
            raise CannotMeasure(f"{outcome.completed} of {outcome.placed} calls completed: {outcome.failed}")
        log = await house.read_log(FOLLOWED, before)
    offers, invites = waits(log, outcome.rang, SECONDS)
    if min(len(offers), len(invites)) < LEAST:
        raise CannotMeasure(f"only {len(offers)} offers and {len(invites)} INVITEs while somebody waited")
    return {
        "free_to_offer_ms": p50_p99(offers),
        "free_to_invite_ms": p50_p99(invites),
        "free_offers": len(offers),
        "free_calls_per_s": rounded(outcome.completed / outcome.seconds),
    }


def waits(log: Iterable[Recorded], rang: Iterable[tuple[str, float]], seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds from free to offer and from free to INVITE, of agents who became free while callers were waiting: after the
    beginning, and before the last caller was placed, `seconds` behind the first offer.
    """
    freed: dict[str, list[float]] = defaultdict(list)
    offered: list[tuple[str, float]] = []
    for recorded in log:
        match recorded.event:
            case AgentStateChanged(state=AgentState.IDLE):
                freed[recorded.aggregate_id].append(recorded.time.timestamp())
            case OfferMade() as offer:
                offered.append((offer.agent_id, recorded.time.timestamp()))
    if not offered:
        return [], []
    begin = offered[0][1]
    window = (begin + AFTER.total_seconds(), begin + seconds)
    return _after_free(freed, offered, window), _after_free(freed, rang, window)


def _after_free(freed: dict[str, list[float]], happened: Iterable[tuple[str, float]], window: tuple[float, float]) -> list[float]:
    """For each happening the time since its agent became free, if that lies in the window; once for each time of being free."""
    found: dict[tuple[str, float], float] = {}
    for agent_id, moment in happened:
        moments = freed.get(agent_id, [])
        index = bisect_right(moments, moment)
        if index and window[0] <= moments[index - 1] <= window[1]:
            found.setdefault((agent_id, moments[index - 1]), (moment - moments[index - 1]) * 1000)
    return list(found.values())
