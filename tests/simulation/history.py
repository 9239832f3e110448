"""Runs one history to its end and judges it: trouble, then rest, in which nobody may be left waiting, ringing or talking."""

import asyncio
from hashlib import blake2b
from typing import Any

import msgspec

from callstream.contracts.call_events import CallArrived, CallDialled, CallEnded
from callstream.contracts.envelope import Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.outcome import call_of, fold_all
from callstream.contracts.queue_events import ContactLeft
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome
from callstream_agent_state.domain import keep as agent_keep
from callstream_agent_state.domain.roster import Roster
from callstream_routing.app.configure import Configure
from callstream_routing.domain import keep as routing_keep
from callstream_routing.domain.hall import Hall

from .monitor import BACK, Broken
from .services import INSTANCES, RoutingInstance
from .virtual_loop import run_virtual
from .world import TENANTS, World

TROUBLE_S = 240.0
CALLERS_A_SECOND = 1.4
REST_S = 120.0
"""Callbacks live for a minute."""
REMEMBERED = ("ended", "left", "served", "answered", "dialled", "given_up")
"""What a snapshot of routing tells by `Recent.told`."""


class Told(msgspec.Struct):
    """What a history came to."""

    seed: int
    events: int
    kills: int
    seconds: float
    """Virtual time."""
    log: str
    """Hash of all events: two runs of one seed have the same."""
    longest: dict[str, float]
    """Longest time that each kind of obligation took, in seconds of uptime."""
    broken: str = ""
    tail: list[str] = []
    """The log's end, when something was broken."""


def run_history(seed: int, fault_rate: float = 0.05) -> Told:
    """The whole history of one seed."""
    return run_virtual(lambda: _history(World(seed, fault_rate)))


async def _history(world: World) -> Told:
    work = asyncio.create_task(_run(world))
    wrong = asyncio.create_task(world.over.wait())
    await asyncio.wait((work, wrong), return_when=asyncio.FIRST_COMPLETED)
    if work.done() and world.broken is None and (error := work.exception()) is not None:
        if not isinstance(error, AssertionError):
            raise error
        world.broken = error
    told = Told(
        seed=world.seed,
        events=len(world.log.messages),
        kills=world.kills,
        seconds=asyncio.get_running_loop().time(),
        log=digest([[str(part) for part in message] for message in world.log.messages]).hex(),
        longest=world.monitor.owed.longest,
    )
    if world.broken is not None:
        told.broken = f"{type(world.broken).__name__}: {world.broken}"
        told.tail = [_line(recorded) for recorded in world.log.decode(world.log.messages[-60:])]
    return told


async def _run(world: World) -> None:
    await world.gateway.start()
    for name in INSTANCES:
        await world.fleet.start(name)
    callers = [asyncio.create_task(work) for work in _callers(world)]
    agents = [world.agent(tenant, agent.id) for tenant in TENANTS for agent in world.configuration.agents(tenant)]
    restless = [
        asyncio.create_task(work) for work in (*agents, *map(world.supervisor, TENANTS), world.trouble(), world.trouble())
    ]
    for _ in range(4):
        await asyncio.sleep(TROUBLE_S / 4)
        check_replay(world)
    for task in restless:
        task.cancel()
    world.faults.calm()
    for name in INSTANCES:
        if name not in world.fleet.running:
            await world.fleet.start(name)
        world.fleet.thaw(name)
        world.fleet.hear(name)
    await asyncio.sleep(15)
    for tenant, call_id in list(world.gateway.calls):
        world.gateway.end(tenant, call_id)
    for task in callers:
        task.cancel()
    await _rest(world)
    check_replay(world)
    check_outcomes(world.log.decode(world.log.messages))
    if world.log.dead_letters:
        raise Broken(f"dead letters: {world.log.dead_letters[:3]}")


def _callers(world: World) -> list[Any]:
    count = int(TROUBLE_S * CALLERS_A_SECOND)
    tenants = list(TENANTS)
    return [
        world.caller(world.random.choice((tenants[0], tenants[0], tenants[1])), n, world.random.uniform(0, TROUBLE_S))
        for n in range(count)
    ]


async def _rest(world: World) -> None:
    """Everything comes to an end by itself."""
    for _ in range(int(REST_S)):
        await asyncio.sleep(1)
        world.monitor.owed.check()
        if (
            world.monitor.at_rest()
            and not world.gateway.calls
            and all(
                instance.follower.position == world.fleet.running[name].follower.position
                for name, instance in world.fleet.running.items()
            )
        ):
            return
    raise Broken(f"no rest: {world.monitor.waiting} wait")


# the replay


def check_replay(world: World) -> None:
    """Each instance's state is what a fold of the log from zero to its position gives, and survives a snapshot."""
    for name, instance in world.fleet.running.items():
        position = instance.follower.position
        told = world.log.decode(world.log.messages[:position])
        if isinstance(instance, RoutingInstance):
            live, anew = of_hall(instance.hall), of_hall(_hall(world, told))
        else:
            roster = Roster()
            for recorded in told:
                roster.evolve(recorded)
            live, anew = of_roster(instance.roster), of_roster(roster)
        if digest(live) != digest(anew):
            raise Broken(f"{name} at {position}: the replay gives another state: {_difference(live, anew)}")


def _hall(world: World, told: list[Recorded]) -> Hall:
    hall = Hall()
    Configure(hall, world.configuration).load_once()
    for recorded in told:
        hall.evolve(recorded)
    return hall


def digest(state: Any) -> bytes:
    """The hash of a state."""
    return blake2b(msgspec.json.encode(state, order="deterministic")).digest()


def of_hall(hall: Hall) -> dict[str, Any]:
    """What routing knows from the log; holds, cool-downs and steps of relaxation end or come by time."""
    found = {}
    for board in routing_keep.take(hall).boards:
        kept = msgspec.to_builtins(msgspec.structs.replace(board, **{key: [] for key in REMEMBERED}))
        kept |= {name: _remembered(getattr(board, name)) for name in REMEMBERED}
        for entry in (*kept["requests"], *kept["seats"]):
            for passing in ("held_until", "cool_until", "label", "step", "places", "is_ready"):
                entry.pop(passing, None)
        for name in ("requests", "seats"):
            kept[name] = {entry["id"]: entry for entry in kept[name]}
        for request in kept["requests"].values():
            request["offered"], request["been"] = sorted(request["offered"]), sorted(request["been"])
            if (callback := request["callback"]) is not None and callback["stage"] == "resting":
                callback["stage"], callback["rests_until"] = "waiting", None  # whether its rest is over: time tells
        found[board.tenant] = kept
    return found


def _remembered(told: list[msgspec.Raw]) -> list[tuple[Any, Any]]:
    """What `told` comes to, oldest first: in how many pieces and with what that was dropped is told, history decides."""
    found: dict[Any, Any] = {}
    for raw in told:
        for key, value, there in msgspec.msgpack.decode(raw):
            name = tuple(key) if isinstance(key, list) else key
            found.pop(name, None)
            if there:
                found[name] = value
    return list(found.items())


def of_roster(roster: Roster) -> dict[str, Any]:
    """What agent-state knows."""
    kept = agent_keep.take(roster)
    return {
        "agents": {f"{agent.tenant} {agent.id}": msgspec.to_builtins(agent) for agent in kept.agents},
        "calls": {f"{open_call.tenant} {open_call.call_id}": msgspec.to_builtins(open_call) for open_call in kept.calls},
    }


def _difference(live: Any, anew: Any) -> str:
    if isinstance(live, dict) and isinstance(anew, dict):
        parts = [key for key in {**live, **anew} if live.get(key) != anew.get(key)]
        return "; ".join(f"{key}: {_difference(live.get(key), anew.get(key))}" for key in parts)
    if isinstance(live, list) and isinstance(anew, list) and len(live) == len(anew):
        return "; ".join(_difference(a, b) for a, b in zip(live, anew, strict=True) if a != b)
    return f"{live} instead of {anew}"


# conservation (docs/features.md, appendix 2)


def check_outcomes(told: list[Recorded]) -> None:
    """routing and the fold that reporting uses agree about every call, and every call has one outcome."""
    calls: dict[tuple[str, str], list[Recorded]] = {}
    left: dict[tuple[str, str], ContactLeft] = {}
    for recorded in told:
        call_id = call_of(recorded)
        if call_id:
            calls.setdefault((recorded.tenant, call_id), []).append(recorded)
        if isinstance(recorded.event, ContactLeft) and not recorded.aggregate_id.endswith(BACK):
            left[recorded.tenant, recorded.event.call_id] = recorded.event
    for key, events in calls.items():
        summary = fold_all(events)
        order = [type(recorded.event) for recorded in events]
        if summary is None and not {CallArrived, CallDialled} & set(order):
            continue  # an agent was reserved for a callback that no gateway could begin
        ended = order.index(CallEnded)
        if AgentRequested not in order or ended < order.index(AgentRequested):
            continue  # for the call, a request behind its end is none
        lost_race = left[key].reason in BY_ROUTING and ended < order.index(ContactLeft)
        expected = _AS_CALL[left[key].outcome]
        if lost_race:
            end = events[ended].event
            given_up = isinstance(end, CallEnded) and end.party is Party.CUSTOMER
            expected = CallOutcome.QUEUE_ABANDONED if given_up else CallOutcome.FAILED
            if summary is not None and summary.callback_asked:
                expected = CallOutcome.REDIRECTED
        if summary is None or summary.outcome != expected:
            raise Broken(f"call {key}: {summary and summary.outcome}, but the request left as {left[key]}")


BY_ROUTING = frozenset({Reason.UNKNOWN_GROUP, Reason.QUEUE_FULL, Reason.QUEUE_TIMEOUT, Reason.NO_AGENT_ONLINE})
"""Why we end a waiting, while the caller's end may be on its way: if that stands first in the log, the call was given up."""

_AS_CALL = {
    RequestOutcome.ANSWERED: CallOutcome.ANSWERED,
    RequestOutcome.ABANDONED: CallOutcome.QUEUE_ABANDONED,
    RequestOutcome.FAILED: CallOutcome.FAILED,
    RequestOutcome.STOPPED: CallOutcome.STOPPED,
    RequestOutcome.REDIRECTED: CallOutcome.REDIRECTED,
}


def _line(recorded: Recorded) -> str:
    fact = msgspec.to_builtins(recorded.event)
    fact.pop("decision", None)
    said = " ".join(f"{key}={value}" for key, value in fact.items() if value)
    where = f"{recorded.tenant} {recorded.aggregate} {recorded.aggregate_id}"
    return f"{recorded.seq} {recorded.time:%H:%M:%S.%f} {where} {recorded.event.NAME} {said}"
