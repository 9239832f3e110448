"""A batch of events as the rows it changes: pure, so that a rebuild from zero gives the same rows."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from callstream.contracts.envelope import Recorded, encode_body
from callstream.contracts.outcome import CallSummary, call_of, fold
from callstream_reporting.domain.agent_log import StateRow

_NUL = b"u0000"
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape, but not an escaped backslash that `u0000` follows."""


class TimelineRow(msgspec.Struct, frozen=True):
    """One event of a call's story."""

    call_id: str
    recorded: Recorded

    @property
    def body(self) -> str:
        """The event's JSON."""
        return storable_json(encode_body(self.recorded.event))


class Rows(msgspec.Struct):
    """What a batch changes."""

    summaries: dict[str, CallSummary] = {}
    timeline: list[TimelineRow] = []
    states: list[StateRow] = []


def calls_in(events: Iterable[Recorded]) -> set[str]:
    """The calls that a batch touches."""
    return {call_id for recorded in events if (call_id := call_of(recorded))}


def rows_of(events: Iterable[Recorded], known: Mapping[str, CallSummary]) -> Rows:
    """Fold a batch onto the summaries known so far; `summaries` holds the changed ones only."""
    rows = Rows()
    for recorded in events:
        call_id = call_of(recorded)
        if not call_id:
            continue
        rows.timeline.append(TimelineRow(call_id, recorded))
        before = rows.summaries.get(call_id) or known.get(call_id)
        after = fold(before, recorded)
        if after is not None and after is not before:
            rows.summaries[call_id] = after
    return rows


def storable(value: Any) -> Any:
    """A NUL, which PostgreSQL's text cannot hold, becomes its picture ␀: a caller's garbage loses no record."""
    return value.replace("\x00", "␀") if isinstance(value, str) else value


def storable_json(body: bytes) -> str:
    """The same for JSON, where a NUL stands as an escape."""
    text = body.decode()
    return _ESCAPED_NUL.sub(r"\1␀", text) if _NUL in body else text
