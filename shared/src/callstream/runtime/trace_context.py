"""W3C trace context without state: every service derives the same trace id from the call id (RFC draft: trace-context-1).

A ULID has 128 bits, and so has a trace id; ids of another form are hashed.
"""

from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=1024)
def trace_id(call_id: str) -> str:
    """32 hexadecimal digits, the same for a call everywhere and for ever."""
    return blake2b(call_id.encode(), digest_size=16).hexdigest()


def span_id(name: str) -> str:
    """16 hexadecimal digits for whatever is named: an event id, a command id."""
    return blake2b(name.encode(), digest_size=8).hexdigest()


def traceparent(call_id: str, parent: str) -> str:
    """The header value: trace of the call, span of the event or command `parent`, sampled."""
    return f"00-{trace_id(call_id)}-{span_id(parent)}-01"
