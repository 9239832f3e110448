"""A log in a file: JSON, one object a line. The first line holds the configuration, each other one an event.

{"configuration": {"settings": {…}, "groups": […], "agents": […]}}
{"seq": 1, "id": "…", "tenant": "main", "type": "call.arrived.v1", "aggregate_id": "…", "time": "…", "body": {…}, …}
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from callstream.contracts.envelope import Recorded, UnreadableEvent, decode_body
from callstream_local.lab.errors import LabError
from callstream_local.lab.policy import Policy, changed


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One event."""

    seq: int
    id: str = ""
    tenant: str
    type: str
    aggregate_id: str
    time: datetime
    body: msgspec.Raw
    source: str = ""
    correlation_id: str = ""
    causation_id: str = ""


def export_lines(policy: Policy, events: Iterable[Recorded]) -> Iterator[bytes]:
    """The file's lines, each with its end."""
    yield msgspec.json.encode({"configuration": policy}) + b"\n"
    for recorded in events:
        line = Line(
            seq=recorded.seq,
            id=recorded.id,
            tenant=recorded.tenant,
            type=recorded.event.TYPE,
            aggregate_id=recorded.aggregate_id,
            time=recorded.time,
            body=msgspec.Raw(msgspec.json.encode(recorded.event)),
            source=recorded.source,
            correlation_id=recorded.correlation_id,
            causation_id=recorded.causation_id,
        )
        yield msgspec.json.encode(line) + b"\n"


def read_export(path: Path) -> tuple[Policy | None, list[Recorded]]:
    """The configuration, if the file holds one, and the events in log order; raises LabError that names the line."""
    policy: Policy | None = None
    events: list[Recorded] = []
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.strip():
                    continue
                try:
                    if not events and policy is None and b'"configuration"' in raw[:24]:
                        policy = changed(Policy(), msgspec.json.decode(raw, type=dict[str, Any])["configuration"])
                    else:
                        events.append(_recorded(raw))
                except (msgspec.ValidationError, msgspec.DecodeError, UnreadableEvent, LabError) as error:
                    raise LabError(f"{path}, line {number}", str(error)) from error
    except OSError as error:
        raise LabError("log", str(error)) from error
    events.sort(key=lambda recorded: recorded.seq)
    return policy, events


_decoder = msgspec.json.Decoder(Line)


def _recorded(raw: bytes) -> Recorded:
    line = _decoder.decode(raw)
    if line.time.tzinfo is None:
        raise LabError("time", "needs a time zone")
    event = decode_body(line.type, bytes(line.body))
    return Recorded(
        seq=line.seq,
        id=line.id or f"line-{line.seq}",
        tenant=line.tenant,
        aggregate=event.AGGREGATE,
        aggregate_id=line.aggregate_id,
        time=line.time,
        event=event,
        source=line.source,
        correlation_id=line.correlation_id,
        causation_id=line.causation_id,
    )
