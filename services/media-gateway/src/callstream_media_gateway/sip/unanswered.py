"""Phones that give up at a challenge with an algorithm they do not know, instead of passing over it (RFC 8760 2.4). Pure.

Seen with libre 1 (baresip 1.0): SHA-256 beside MD5 ends its registration. Who was challenged, said nothing to it, and comes
again is therefore challenged with MD5 alone. A phone that knows SHA-256 answers the first challenge and never gets there; nor
does its repeated request when the challenge was lost, since that has the same Via.
"""

from __future__ import annotations

from .digest import ALGORITHMS

FORGOTTEN_S = 3600.0


class UnansweredChallenges:
    """At most `room` (source address, address-of-record) pairs; the one challenged longest ago is forgotten first."""

    def __init__(self, room: int = 10_000) -> None:
        self._room = room
        self._since: dict[tuple[str, str], tuple[float, int]] = {}  # when, and by which Via (its hash)

    def algorithms(self, source: str, aor: str, via: str | None, now: float) -> tuple[str, ...]:
        """What to challenge this pair with now. via: the request's top Via line, which names its transaction."""
        since, challenged = self._since.get((source, aor), (0.0, 0))
        if challenged and now - since < FORGOTTEN_S:
            return ALGORITHMS if via and hash(via) == challenged else ("MD5",)
        self._since.pop((source, aor), None)
        self._since[source, aor] = (now, hash(via) or 1)
        if len(self._since) > self._room:
            del self._since[next(iter(self._since))]
        return ALGORITHMS

    def answered(self, source: str, aor: str, algorithm: str, now: float) -> None:
        """The pair has answered. With MD5 it may be one that knows nothing else: that stays remembered."""
        if algorithm != "MD5":
            self._since.pop((source, aor), None)
        elif (known := self._since.get((source, aor))) is not None:
            self._since[source, aor] = (now, known[1])
