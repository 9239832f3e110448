"""The legs of a call as a ladder: one column for each party, time downwards."""

from collections.abc import Iterable

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream_local.inside.control import party

_WIDTH = 22
_SYSTEM = "callstream"


def ladder(events: Iterable[Recorded]) -> list[str]:
    """Lines of text, header first; empty when the call's beginning is not among the events."""
    events = [event for event in events if event.aggregate == "call"]
    parties, of_leg = _parties(events)
    if not parties:
        return []
    columns = [parties[0], _SYSTEM, *parties[1:]]
    lines = [" " * 13 + "".join(f"{column:^{_WIDTH}}" for column in columns)]
    for recorded in events:
        for fact in facts_in(recorded.event):
            arrow = _arrow(fact, of_leg)
            if arrow is not None:
                source, target, text = arrow
                at = getattr(fact, "at", None) or recorded.time
                lines.append(f"{at:%H:%M:%S.%f}"[:12] + " " + _row(columns, source, target, text))
    return lines


def _parties(events: list[Recorded]) -> tuple[list[str], dict[str, str]]:
    parties: list[str] = []
    of_leg: dict[str, str] = {}
    for fact in (fact for recorded in events for fact in facts_in(recorded.event)):
        match fact:
            case call.CallArrived() as e:
                of_leg[e.leg_id] = e.caller or "caller"
                parties.append(of_leg[e.leg_id])
            case call.CallDialled() as e:
                of_leg[e.agent_leg_id] = f"agent {e.agent_id}"
                parties.append(of_leg[e.agent_leg_id])
                if e.leg_id:
                    of_leg[e.leg_id] = e.callee
                    parties.append(e.callee)
            case call.LegStarted() as e:
                of_leg.setdefault(e.leg_id, party(e))
                if of_leg[e.leg_id] not in parties:
                    parties.append(of_leg[e.leg_id])
    return parties, of_leg


def _arrow(fact: Event, of_leg: dict[str, str]) -> tuple[str, str, str] | None:
    caller = next(iter(of_leg.values()), "")
    match fact:
        case call.CallArrived() as e:
            return of_leg[e.leg_id], _SYSTEM, "INVITE"
        case call.CallDialled() as e:
            return of_leg[e.agent_leg_id], _SYSTEM, "dials"
        case control.LegAnswered() as e:
            return of_leg.get(e.leg_id, caller), _SYSTEM, "200 OK"
        case control.CallHeld() as e:
            return _SYSTEM, of_leg.get(e.leg_id, caller), "hold"
        case control.CallRetrieved() as e:
            return _SYSTEM, of_leg.get(e.leg_id, caller), "retrieved"
        case control.PartyJoined() as e:
            return of_leg.get(e.leg_id, caller), _SYSTEM, "joins"
        case call.CallAnswered():
            return _SYSTEM, caller, "200 OK"
        case call.DigitReceived() as e:
            return caller, _SYSTEM, f"key {e.digit}"
        case call.LegStarted() as e:
            return _SYSTEM, of_leg[e.leg_id], "INVITE"
        case call.LegRinging() as e:
            return of_leg.get(e.leg_id, caller), _SYSTEM, "180 Ringing"
        case call.OfferAnswered() as e:
            return of_leg.get(e.leg_id, caller), _SYSTEM, "200 OK"
        case call.CallBridged() as e:
            return caller, of_leg.get(e.agent_leg_id, caller), "talk"
        case call.LegEnded() as e:
            return of_leg.get(e.leg_id, caller), _SYSTEM, f"ended: {e.reason}"
        case _:
            return None


def _row(columns: list[str], source: str, target: str, text: str) -> str:
    a, b = columns.index(source), columns.index(target)
    left, right = min(a, b), max(a, b)
    centre = _WIDTH // 2
    cells = [" " * centre + "|" + " " * (_WIDTH - centre - 1) for _ in columns]
    line = list("".join(cells))
    begin, end = left * _WIDTH + centre + 1, right * _WIDTH + centre - 1
    shaft = f" {text} ".center(end - begin + 1, "-")[: end - begin + 1]
    line[begin : end + 1] = shaft
    line[end if b > a else begin] = ">" if b > a else "<"
    return "".join(line).rstrip()
