"""Events and their envelope: CloudEvents 1.0 in binary mode over NATS headers.

The body is the event's own Struct as JSON; everything else (id, type, time, correlation, causation, trace) stands in headers,
so a subscriber can route without decoding. An event's type on the wire is `<aggregate>.<name>.v<version>`, a written
constant: moving or renaming a class changes nothing that is stored.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import msgspec

HEADER_ID = "ce-id"
HEADER_TYPE = "ce-type"
HEADER_SOURCE = "ce-source"
HEADER_TIME = "ce-time"
HEADER_SPEC = "ce-specversion"
HEADER_CORRELATION = "ce-correlationid"
HEADER_CAUSATION = "ce-causationid"
HEADER_TRACE = "traceparent"
SPEC_VERSION = "1.0"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of the past. Unknown fields are ignored when read, so an older service survives a newer one."""

    AGGREGATE: ClassVar[str]
    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    TYPE: ClassVar[str]


E = TypeVar("E", bound=type[Event])

EVENT_TYPES: dict[str, type[Event]] = {}
"""Every event by its type on the wire."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: dict[str, tuple[str, Upcaster]] = {}
"""Superseded type → (newer type, function from the old body to the newer one). Stored events stay readable for ever."""


def event(aggregate: str, name: str, version: int = 1) -> Callable[[E], E]:
    """Give an event class its name on the wire and enter it in the registry."""

    def enter(cls: E) -> E:
        wire = f"{aggregate}.{name}.v{version}"
        if wire in EVENT_TYPES:
            raise ValueError(f"two events are called {wire}")
        cls.AGGREGATE, cls.NAME, cls.VERSION, cls.TYPE = aggregate, name, version, wire
        EVENT_TYPES[wire] = cls
        return cls

    return enter


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the log holds it."""

    seq: int
    """Position in the stream; positions grow, and their order is the truth when two facts race."""
    id: str
    tenant: str
    aggregate: str
    aggregate_id: str
    time: datetime
    event: Event
    source: str = ""
    correlation_id: str = ""
    """The call that this belongs to, or empty."""
    causation_id: str = ""
    """The event or command that brought this about, or empty."""
    trace: str = ""
    """W3C traceparent, or empty."""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way into the log. `id` makes a repeated append harmless: it must be the same on each try."""

    id: str
    tenant: str
    aggregate_id: str
    time: datetime
    event: Event
    correlation_id: str = ""
    causation_id: str = ""
    trace: str = ""


class UnreadableEvent(Exception):
    """A stored message that is not an event of ours: unknown type, broken body or missing header."""


encode_body: Callable[[Event], bytes] = msgspec.json.Encoder().encode
"""The JSON body."""


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {}


def decode_body(wire_type: str, body: bytes) -> Event:
    """The event of a stored body, brought up to its newest version; raises UnreadableEvent with the field at fault."""
    decoder = _DECODERS.get(wire_type)
    if decoder is None:
        if wire_type in UPCASTERS:
            return _upcast(wire_type, body)
        cls = EVENT_TYPES.get(wire_type)
        if cls is None:
            raise UnreadableEvent(f"unknown event type {wire_type!r}")
        decoder = _DECODERS[wire_type] = msgspec.json.Decoder(cls)
    try:
        fact: Event = decoder.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UnreadableEvent(f"{wire_type}: {error}") from error
    return fact


def _upcast(wire_type: str, body: bytes) -> Event:
    try:
        raw = msgspec.json.decode(body, type=dict[str, Any])
        while wire_type in UPCASTERS:
            wire_type, lift = UPCASTERS[wire_type]
            raw = lift(raw)
        return msgspec.convert(raw, EVENT_TYPES[wire_type])
    except (msgspec.ValidationError, msgspec.DecodeError, KeyError) as error:
        raise UnreadableEvent(f"{wire_type}: {error}") from error
