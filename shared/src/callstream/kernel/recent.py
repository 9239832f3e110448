"""Remembers the newest of what is over: so that what comes late, or twice, is recognised without keeping all for ever."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEPT = 100_000


class Recent(Generic[K, V]):
    """The last `limit` entries by their keys."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def add(self, key: K, value: V) -> None:
        """Remember `value`; the first one of a key stands."""
        if key not in self._entries:
            self.put(key, value)

    def put(self, key: K, value: V) -> None:
        """Remember `value` as the newest; an older one of the key is replaced."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def get(self, key: K) -> V | None:
        """What is remembered, or None."""
        return self._entries.get(key)

    def drop(self, key: K) -> None:
        """Forget it; no error when it is not there."""
        self._entries.pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """All entries, oldest first."""
        return iter(self._entries.items())

    def __contains__(self, key: K) -> bool:
        return key in self._entries
