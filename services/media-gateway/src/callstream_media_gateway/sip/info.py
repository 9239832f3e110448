"""Keys in INFO bodies: `application/dtmf-relay` ("Signal=5") and `application/dtmf` ("5")."""

from __future__ import annotations

KEYS = frozenset("0123456789*#ABCD")


def dtmf_relay(digit: str, duration_ms: int) -> bytes:
    """The body for one key. Raises ValueError for anything outside 0-9 * # A-D, or a duration outside 40-6000 ms."""
    if digit not in KEYS or len(digit) != 1:
        raise ValueError(f"{digit!r} is no telephone key")
    if not 40 <= duration_ms <= 6000:
        raise ValueError(f"{duration_ms} ms is no duration of a key (40-6000)")
    return f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()


def digit_of(content_type: str, body: bytes) -> str | None:
    """The key an INFO carries, or None when it carries none. 10 and 11 are the old spelling of * and #."""
    text = body.decode("utf-8", "replace")
    if content_type == "application/dtmf":
        signal = text.strip()
    elif content_type == "application/dtmf-relay":
        pairs = [line.partition("=") for line in text.splitlines()]
        signal = next((value.strip() for key, _, value in pairs if key.strip().lower() == "signal"), "")
    else:
        return None
    signal = {"10": "*", "11": "#"}.get(signal, signal.upper())
    return signal if signal in KEYS and len(signal) == 1 else None
