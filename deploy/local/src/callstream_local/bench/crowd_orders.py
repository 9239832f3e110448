"""What the load generator is told and what it answers: one JSON document a line."""

from typing import Annotated

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Setup(msgspec.Struct, frozen=True, kw_only=True, tag="setup"):
    """The first order: register the phones. `talk_s`: how long after answering an agent's phone hangs up; on the average when
    talks are `varied`: then each is drawn anew (exponentially, the same draws in every run).
    """

    host: str
    port: int
    number: str
    phones: dict[str, str]
    """User → password."""
    talk_s: float
    varied: bool = False


class PlaceCalls(msgspec.Struct, frozen=True, kw_only=True, tag="place-calls"):
    """Open loop: one call after the other at a steady rate, whatever becomes of them; then wait for the last."""

    rate: Positive
    seconds: Positive


class KeepWaiting(msgspec.Struct, frozen=True, kw_only=True, tag="keep-waiting"):
    """Closed loop: `callers` calls at any time, each followed by the next; at the end wait for the last."""

    callers: int
    seconds: Positive


Order = Setup | PlaceCalls | KeepWaiting


class Outcome(msgspec.Struct, kw_only=True, tag="outcome"):
    """What became of the calls of one order. Times of `rang` are seconds since the epoch, the others ms."""

    placed: int = 0
    completed: int = 0
    """Answered, and hung up by the other side."""
    failed: dict[str, int] = {}
    """By what went wrong."""
    answer_ms: list[float] = []
    """INVITE to 200, as the caller sees it."""
    whole_ms: list[float] = []
    """INVITE to BYE."""
    rang: list[tuple[str, float]] = []
    """(phone, when its INVITE arrived)"""
    repeats: int = 0
    """Retransmissions of SIP messages, sent or received: somebody was too slow."""
    late_ms: float = 0.0
    """How far the generator itself fell behind its schedule."""
    cpu_s: float = 0.0
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether every call completed."""
        return self.completed == self.placed and not self.failed


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """All phones are registered."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The order could not be carried out."""

    error: str
