"""docs/sip-tables.md, written from the tables themselves:

python -m callstream_media_gateway.sip.tables_doc > docs/sip-tables.md
"""

from __future__ import annotations

import sys

from .call_tables import TABLES
from .transaction_tables import MACHINES, TIMERS, Table

_ABOUT = {
    "client INVITE": "RFC 3261 §17.1.1 with RFC 6026 §7.2: an INVITE of ours.",
    "client non-INVITE": "RFC 3261 §17.1.2: any other request of ours.",
    "server INVITE": "RFC 3261 §17.2.1 with RFC 6026 §7.1: an INVITE of a peer.",
    "server non-INVITE": "RFC 3261 §17.2.2: any other request of a peer.",
    "incoming call": "A call offered to us, until its final answer.",
    "outgoing call": "A call offered by us, until its final answer and a while longer for late ones.",
    "dialog": "An answered call of either direction, or one with an early dialog.",
    "referral": "A REFER of a peer, and what we tell it about its transfer (RFC 3515).",
}
_HEAD = """# The state machines of the SIP stack

Generated from `transaction_tables.py` and `call_tables.py` of `callstream_media_gateway.sip`; a test compares this file with
them. An event that a state does not list changes nothing: that is how late, doubled and crossing messages end.
"""


def document() -> str:
    """The whole file."""
    parts = [_HEAD]
    for name, table in {**MACHINES, **TABLES}.items():
        parts.append(f"\n## {name[0].upper()}{name[1:]}\n\n{_ABOUT[name]}\n\n{diagram(table)}\n{moves(table)}")
    parts.append(f"\n## Timers of the transactions\n\n{timers()}")
    return "".join(parts)


def diagram(table: Table) -> str:
    """A mermaid state diagram; events between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), move in table.items():
        arrows.setdefault((state, move.state), []).append(event)
    lines = ["```mermaid", "stateDiagram-v2"]
    names = dict.fromkeys(state for pair in arrows for state in pair)
    lines += [f"    state {_quoted(name)} as {_id(name)}" for name in names if _id(name) != name]
    if "start" not in names:
        lines.append(f"    [*] --> {_id(next(iter(names)))}")
    lines += [f"    {_id(a)} --> {_id(b)}: {', '.join(events)}" for (a, b), events in arrows.items()]
    leaving = {a for a, b in arrows if a != b}
    lines += [f"    {_id(name)} --> [*]" for name in names if name not in leaving]
    lines.append("```\n")
    return "\n".join(lines)


def moves(table: Table) -> str:
    """The table as a table."""
    lines = ["| in | on | does | then |", "|---|---|---|---|"]
    for (state, event), move in table.items():
        lines.append(f"| {state} | {event} | {', '.join(move.actions) or 'nothing'} | {move.state} |")
    return "\n".join(lines) + "\n"


def timers() -> str:
    """The timers with their lengths; T1, T2 and T4 are settings (0.5 s, 4 s, 5 s)."""
    stream = {"same": "the same", "never": "not started", "at once": "0"}
    every = [(event, move) for table in MACHINES.values() for (_, event), move in table.items()]
    repeated = {event[6:] for event, move in every if f"start {event[6:]}" in move.actions}
    lines = ["| timer | on UDP | on TCP | started again |", "|---|---|---|---|"]
    for name, timer in TIMERS.items():
        length = timer.base.upper() if timer.factor == 1 else f"{timer.factor:g} × {timer.base.upper()}"
        again = timer.again.replace("t2", "T2") or ("as long" if name in repeated else "never")
        lines.append(f"| {name} | {length} | {stream[timer.on_stream]} | {again} |")
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    return name.replace(" ", "_")


def _quoted(name: str) -> str:
    return f'"{name}"'


if __name__ == "__main__":
    sys.stdout.write(document())
