"""Who hears whom: one pure function over the facts of a call. Hold, mute, consult, conference and supervision only change
facts; what the media worker must connect and disconnect is the difference to what it has.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from callstream.contracts.states import Supervision
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.effects import Edge
from callstream_media_gateway.domain.parties import Leg, LegStage


class Circle(Struct, frozen=True):
    """Parties who talk with each other."""

    legs: tuple[Leg, ...]


def circles(call: Call) -> list[Circle]:
    """The talk and, beside it, the consultation: its agent is in that one only."""
    consult = call.consult
    apart = {consult.side, consult.target_leg} if consult is not None and consult.answered else set()
    found = [Circle(_open(call, (leg_id for leg_id in call.talk if leg_id not in apart)))]
    if consult is not None and consult.answered:
        found.append(Circle(_open(call, (consult.side, consult.target_leg))))
    return found


def heard(call: Call) -> set[Edge]:
    """All (listener, source) of the call.

    A held leg is in no circle. Nobody hears a muted one. A supervisor hears the circle of the agent they watch, and whatever
    the mode is heard by nobody (listen), by that agent (whisper) or by the circle (barge).
    """
    edges = set()
    for circle in circles(call):
        edges |= {
            Edge(listener.leg_id, source.leg_id)
            for listener in circle.legs
            for source in circle.legs
            if listener is not source and not source.muted
        }
        for watch in call.watches.values():
            supervisor = call.legs.get(watch.leg_id)
            if supervisor is None or not watch.started or supervisor.stage is not LegStage.OPEN:
                continue
            where = _place_of(call, watch.agent_leg)
            if any(leg.leg_id == where for leg in circle.legs):
                edges |= set(_supervised(circle, watch.leg_id, where, watch.mode))
    if call.dialled is not None and not call.talk:
        edges |= _early(call)
    return edges


def remix(call: Call) -> None:
    """Order the difference, all at one tick. What a closed leg heard and said is gone from the worker with the leg."""
    if not call.mixed and not call.talk and call.dialled is None:
        return
    have = {edge for edge in call.mixed if _is_open(call, edge.listener) and _is_open(call, edge.source)}
    want = heard(call)
    connect, disconnect = want - have, have - want
    if connect or disconnect:
        call.effects.append(do.Mix(tuple(sorted(connect)), tuple(sorted(disconnect))))
    call.mixed = want


def _supervised(circle: Circle, supervisor: str, agent: str, mode: Supervision) -> Iterator[Edge]:
    for leg in circle.legs:
        if not leg.muted:
            yield Edge(supervisor, leg.leg_id)
        if mode is Supervision.BARGE or (mode is Supervision.WHISPER and leg.leg_id == agent):
            yield Edge(leg.leg_id, supervisor)


def _place_of(call: Call, agent_leg: str) -> str:
    """The leg on which this agent talks now: of two the one whose far side is not held."""
    consult = call.consult
    if consult is None or not consult.answered or consult.agent_leg != agent_leg:
        return agent_leg
    target = call.legs.get(consult.target_leg)
    return agent_leg if target is not None and target.held else consult.side


def _early(call: Call) -> set[Edge]:
    """The agent who dialled hears what the callee's network says before the answer: announcements, its own ringing."""
    callee, agent = call.legs.get(call.customer_leg), call.legs.get(call.own_leg)
    if callee is None or agent is None or not callee.early or LegStage.CLOSING in (callee.stage, agent.stage):
        return set()
    return {Edge(agent.leg_id, callee.leg_id)}


def _open(call: Call, leg_ids: Iterable[str]) -> tuple[Leg, ...]:
    legs = (call.legs.get(leg_id) for leg_id in leg_ids)
    return tuple(leg for leg in legs if leg is not None and leg.stage is LegStage.OPEN and not leg.held)


def _is_open(call: Call, leg_id: str) -> bool:
    leg = call.legs.get(leg_id)
    return leg is not None and leg.stage is LegStage.OPEN
