"""Which trunks an outgoing call may take, in which order, and whether one can take it now. Pure."""

from bisect import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import Outgoing
from callstream_media_gateway.domain.window import Window

FAILS_OVER = frozenset({401, 407, 408, 500, 502, 503, 504})
"""Answers before any ringing that tell of the trunk and not of the callee: the next trunk is tried. 401 and 407 come
from a trunk that does not know us; a callee who declines says another 4xx, or 6xx."""


class Unusable(StrEnum):
    """Why a trunk cannot take a call now."""

    DOWN = "down"
    NOT_REGISTERED = "not-registered"
    FULL = "full"
    TOO_FAST = "too-fast"


@dataclass(slots=True)
class TrunkState:
    """What is known of an outgoing trunk. It is held to live until it has failed `down_after` times in a row."""

    calls: int = 0
    failures: int = 0
    down: bool = False
    registered: bool | None = None
    """None: it needs no registration."""
    message: str = ""
    """What it said last when it failed."""
    started: Window = field(default_factory=lambda: Window(1.0))

    def alive(self) -> bool:
        """It has answered. True when that is news."""
        was_down, self.failures, self.down, self.message = self.down, 0, False, ""
        return was_down

    def failed(self, outgoing: Outgoing, message: str) -> bool:
        """It has not answered, or with a failure of its own. True when it is down by that. Without OPTIONS it is never held
        to be down: nothing would tell that it is back."""
        self.failures += 1
        self.message = message
        was_down, self.down = self.down, outgoing.options_every_s > 0 and self.failures >= outgoing.down_after
        return self.down and not was_down

    def unusable(self, outgoing: Outgoing, now: float) -> Unusable | None:
        """Why no call can leave there now; `now` in seconds of a clock that never goes back."""
        if self.down:
            return Unusable.DOWN
        if self.registered is False:
            return Unusable.NOT_REGISTERED
        if self.calls >= outgoing.max_calls:
            return Unusable.FULL
        if outgoing.max_calls_per_s and self.started.count(now) >= outgoing.max_calls_per_s:
            return Unusable.TOO_FAST
        return None


def carries(trunk: Trunk, outgoing: Outgoing, number: Number) -> bool:
    """Whether calls that show this number may leave through the trunk."""
    if number.trunks and trunk.id not in number.trunks:
        return False
    return not outgoing.callers or number.number in outgoing.callers


Exit = tuple[Trunk, Outgoing]
"""A trunk that calls may leave through, and how."""


def in_order(exits: Iterable[Exit], chance: Callable[[], float]) -> list[Exit]:
    """Lowest priority number first; among equals at random by weight (as RFC 2782 has it). `chance`: 0 <= x < 1."""
    waiting, ordered = list(exits), []
    while waiting:
        first = min(outgoing.priority for _, outgoing in waiting)
        equals = [pair for pair in waiting if pair[1].priority == first]
        limits = list(accumulate(outgoing.weight for _, outgoing in equals))
        chosen = equals[bisect(limits, chance() * limits[-1])]
        ordered.append(chosen)
        waiting.remove(chosen)
    return ordered
