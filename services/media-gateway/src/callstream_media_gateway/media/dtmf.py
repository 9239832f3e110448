"""Keys in RTP telephone-events (RFC 4733), one receiver per leg.

All packets of one key share the RTP timestamp of its beginning; the last is sent three times with the end bit. A key is
told once, whatever is lost or doubled:

  state    packet or time                          then
  idle     new timestamp, no end bit               -> pressed
  idle     new timestamp, end bit                  -> idle, key told
  pressed  same timestamp, no end bit              -> pressed (duration grows)
  pressed  same timestamp, end bit                 -> idle, key told
  pressed  newer timestamp                         key told (its end was lost); then as idle
  pressed  nothing for RELEASE_MS                  -> idle, key told
  any      timestamp of a key already told, older  ignored
"""

from dataclasses import dataclass

EVENTS = "0123456789*#ABCD"
RELEASE_MS = 200
"""Updates come every 20 to 50 ms (§2.5.1.2), so after this silence the end was lost."""


@dataclass(frozen=True)
class Key:
    """duration_ms as told by the sender, 0 when it never was."""

    digit: str
    duration_ms: int


class DigitReceiver:
    """Feed packets in any order; `pressed`: between the beginning of a key and its end; `begun`: keys so far."""

    def __init__(self) -> None:
        self.pressed = False
        self.begun = 0
        self.rate = 8000
        """Clock of the durations, Hz."""
        self._timestamp: int | None = None
        self._digit = ""
        self._duration = 0
        self._seen_ms = 0

    def packet(self, timestamp: int, payload: bytes, now_ms: int) -> list[Key]:
        """Keys that this packet ends. Payloads that are no key (short, flash, other tones) are ignored."""
        if len(payload) < 4 or payload[0] >= len(EVENTS):
            return []
        told: list[Key] = []
        if self._timestamp is None or timestamp != self._timestamp:
            if self._timestamp is not None and (timestamp - self._timestamp) & 0x80000000:
                return []
            told = self._release()
            self._timestamp, self._digit, self._duration, self.pressed = timestamp, EVENTS[payload[0]], 0, True
            self.begun += 1
        if not self.pressed:
            return told
        self._duration = max(self._duration, int.from_bytes(payload[2:4], "big"))
        self._seen_ms = now_ms
        return told + self._release() if payload[1] & 0x80 else told

    def time(self, now_ms: int) -> list[Key]:
        """The key whose end was lost, when its time is over."""
        return self._release() if self.pressed and now_ms - self._seen_ms >= RELEASE_MS else []

    def source_changed(self) -> list[Key]:
        """The events come under another SSRC: timestamps start anew, a key that was pressed ends here."""
        told = self._release()
        self._timestamp = None
        return told

    def _release(self) -> list[Key]:
        if not self.pressed:
            return []
        self.pressed = False
        return [Key(self._digit, self._duration * 1000 // self.rate)]
