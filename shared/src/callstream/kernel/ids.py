"""Typed identifiers.

Ids are ULIDs: 26 characters of Crockford's base 32, 48 bits of Unix milliseconds followed by 80 random bits. They sort by
creation time, contain no NATS separator (`.`, `*`, `>`, white space) and so may stand in a subject as one token.
"""

from datetime import datetime
from hashlib import blake2b
from struct import Struct
from typing import NewType

TenantId = NewType("TenantId", str)
CallId = NewType("CallId", str)
RequestId = NewType("RequestId", str)
"""One request for an agent: the contact that waits in a queue. A call may make several, one after the other."""
OfferId = NewType("OfferId", str)
LegId = NewType("LegId", str)
PlayId = NewType("PlayId", str)
RecordingId = NewType("RecordingId", str)
AgentId = NewType("AgentId", str)
"""The agent's number (F163), digits and letters, unique in its tenant: what ${StaffNo} speaks."""
GroupId = NewType("GroupId", str)
FlowId = NewType("FlowId", str)
NodeId = NewType("NodeId", str)
CommandId = NewType("CommandId", str)
EventId = NewType("EventId", str)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS = 80
_HALF = (1 << 64) - 1
_halves = Struct(">QQ").unpack


def ulid(at: datetime, random_bits: int) -> str:
    """The ULID of the aware time `at` (milliseconds count) with the low 80 bits of `random_bits`."""
    millis = int(at.timestamp() * 1000)
    value = (millis << _RANDOM_BITS) | (random_bits & ((1 << _RANDOM_BITS) - 1))
    return _written(value >> 64, value & _HALF)


def derived_id(*parts: str) -> str:
    """An id that follows from `parts` (a cause's id, what it is for, …): the same parts give the same id, for ever.

    What a decision makes carries such ids, so that its repetition after a crash is recognised. 26 characters like a ULID,
    but without a time: derived ids do not sort.
    """
    return _written(*_halves(blake2b("\x1f".join(parts).encode(), digest_size=16).digest()))


def _written(high: int, low: int) -> str:
    """26 characters for 130 bits, two at a time; every event's id is written here, so without a loop."""
    p, mid, hi, lo = _PAIRS, (high & 63) << 4 | low >> 60, high >> 6, low
    return (
        f"{p[hi >> 50]}{p[hi >> 40 & 1023]}{p[hi >> 30 & 1023]}{p[hi >> 20 & 1023]}{p[hi >> 10 & 1023]}{p[hi & 1023]}{p[mid]}"
        f"{p[lo >> 50 & 1023]}{p[lo >> 40 & 1023]}{p[lo >> 30 & 1023]}{p[lo >> 20 & 1023]}{p[lo >> 10 & 1023]}{p[lo & 1023]}"
    )


def is_token(text: str) -> bool:
    """Whether `text` may stand as one token of a NATS subject."""
    return 0 < len(text) <= 128 and text.isascii() and text.isprintable() and not any(c in ".*> " for c in text)
