"""Keys that we press towards a leg's peer, as RTP telephone-events (RFC 4733, F030).

One packet per tick: updates under the timestamp at which the key began, the end three times (§2.5.1.4), then a pause
before the next key. While keys wait the leg says nothing else.
"""

from collections import deque
from typing import NamedTuple

from callstream_media_gateway.media.arrays import FRAME_MS
from callstream_media_gateway.media.dtmf import EVENTS

MIN_MS, MAX_MS = 40, 1000
"""Of a key and of a pause. Shorter ones are not heard by every exchange (ITU-T Q.24)."""
_VOLUME = 10
"""-dBm0."""
_END = 0x80
_ENDS = 3


class EventPacket(NamedTuple):
    """A packet instead of speech."""

    marker: bool
    timestamp: int
    payload: bytes


class SentDigits(NamedTuple):
    """An order that is over, and how many of its keys have been sent."""

    send_id: str
    keys: int


class _Order:
    def __init__(self, send_id: str, digits: str, duration_ms: int, gap_ms: int) -> None:
        self.send_id = send_id
        self.digits = digits
        self.steps = max(1, -(-duration_ms // FRAME_MS))
        self.gap = max(_ENDS, -(-gap_ms // FRAME_MS))
        self.key = 0
        self.step = 0
        self.began = 0


class KeySender:
    """Of one leg. rate: clock of the events in Hz."""

    def __init__(self) -> None:
        self.rate = 8000
        self._orders: deque[_Order] = deque()
        self._known: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether `next` decides what is sent."""
        return bool(self._orders)

    def add(self, send_id: str, digits: str, duration_ms: int, gap_ms: int) -> None:
        """After what is being sent; an order that is known already changes nothing."""
        if send_id not in self._known:
            self._known.add(send_id)
            self._orders.append(_Order(send_id, digits, duration_ms, gap_ms))

    def next(self, timestamp: int) -> tuple[EventPacket | None, SentDigits | None]:
        """What goes out in the tick whose speech would have this timestamp (None: silence), and the order that it ends."""
        order = self._orders[0]
        order.step += 1
        if order.step == 1:
            order.began = timestamp
        packet = None
        if order.step < order.steps + _ENDS:
            duration = min(order.step, order.steps) * self.rate * FRAME_MS // 1000
            ending = _END if order.step >= order.steps else 0
            code = EVENTS.index(order.digits[order.key])
            packet = EventPacket(order.step == 1, order.began, bytes((code, ending | _VOLUME)) + duration.to_bytes(2, "big"))
        if order.step < order.steps + order.gap:
            return packet, None
        order.key, order.step = order.key + 1, 0
        return packet, self._end(order) if order.key == len(order.digits) else None

    def stop(self) -> list[SentDigits]:
        """Give up all orders."""
        return [self._end(order) for order in list(self._orders)]

    def _end(self, order: _Order) -> SentDigits:
        self._orders.popleft()
        return SentDigits(order.send_id, order.key)
