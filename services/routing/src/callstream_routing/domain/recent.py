"""Remembers the newest of what is over: so that what comes late, or twice, is recognised without keeping all for ever."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")

KEPT = 100_000


class Recent(Generic[V]):
    """The last `limit` entries by their keys."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._entries: OrderedDict[str, V] = OrderedDict()

    def add(self, key: str, value: V) -> None:
        """Remember `value`; the first one of a key stands."""
        if key not in self._entries:
            self._entries[key] = value
            if len(self._entries) > self._limit:
                self._entries.popitem(last=False)

    def get(self, key: str) -> V | None:
        """What is remembered, or None."""
        return self._entries.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._entries
