"""Nonces that need no memory until somebody has proved to know a password with one (RFC 7616 3.3, 5.5). Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal

NonceState = Literal["fresh", "stale", "forged", "replayed"]


class Nonces:
    """A nonce is its birth time, a counter and a keyed hash of both. lifetime: seconds.

    The nonce count is remembered per nonce only after `accept`, so a stranger cannot make us remember anything.
    After a restart with another key old nonces look forged; they are answered like stale ones.
    """

    def __init__(self, key: bytes, lifetime: float = 300.0) -> None:
        self._key = key
        self._lifetime = lifetime
        self._made = 0
        self._counts: dict[str, tuple[int, float]] = {}  # nonce -> highest nc, death; oldest use first

    def make(self, now: float) -> str:
        """A nonce that was never given before. now: seconds of any clock that goes on."""
        self._made += 1
        head = f"{int(now * 1000):x}-{self._made:x}"
        return f"{head}-{self._seal(head)}"

    def check(self, nonce: str, count: int, now: float) -> NonceState:
        """What an answer that carries this nonce and nonce count is worth. Changes nothing."""
        head, _, seal = nonce.rpartition("-")
        if not hmac.compare_digest(seal.encode("utf-8", "replace"), self._seal(head).encode()):
            return "forged"
        born = int(head.partition("-")[0], 16) / 1000
        if not born <= now <= born + self._lifetime:
            return "stale"
        return "replayed" if count <= self._counts.get(nonce, (0, 0.0))[0] else "fresh"

    def accept(self, nonce: str, count: int, now: float) -> None:
        """The password was right: this count may not come again."""
        self._counts.pop(nonce, None)
        self._counts[nonce] = (count, now + self._lifetime)
        while self._counts:
            oldest = next(iter(self._counts))
            if self._counts[oldest][1] >= now:
                break
            del self._counts[oldest]

    @property
    def remembered(self) -> int:
        return len(self._counts)

    def _seal(self, head: str) -> str:
        return hmac.new(self._key, head.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]
