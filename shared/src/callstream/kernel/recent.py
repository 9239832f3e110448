"""Remembers the newest of what is over: so that what comes late, or twice, is recognised without keeping all for ever.

A snapshot of a hundred thousand entries must not stop the service that takes it: what was put is encoded once, a thousand at a
time, and stays so (`told`). Of what was put again or dropped since, the oldest thousand is told anew whenever half of all that
is told has no meaning any more.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from types import GenericAlias
from typing import Any, Generic, TypeVar

import msgspec

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEPT = 10_000
CHUNK = 1_000

Told = list[msgspec.Raw]
"""All entries in the order in which they were put, as msgpack in some pieces."""

_encode = msgspec.msgpack.Encoder().encode


Entry = tuple[K, V | None, bool]
"""Key, value, and False when it was dropped. No class of its own: of plain tuples the collector of garbage need not look at
hundreds of thousands."""


class Recent(Generic[K, V]):
    """The last `limit` entries by their keys."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, Entry[K, V]] = OrderedDict()
        self._fresh: list[Entry[K, V]] = []
        """Put and dropped lately, not encoded yet."""
        self._old: deque[tuple[list[Entry[K, V]], msgspec.Raw]] = deque()
        self._told = 0
        """Entries in `_old`."""

    def add(self, key: K, value: V) -> None:
        """Remember `value`; the first one of a key stands."""
        if key not in self._entries:
            self.put(key, value)

    def put(self, key: K, value: V) -> None:
        """Remember `value` as the newest; an older one of the key is replaced."""
        if key not in self._entries and len(self._entries) >= self._limit:
            self.drop(next(iter(self._entries)))
        entry = self._entries[key] = (key, value, True)
        self._entries.move_to_end(key)
        self._tell(entry)

    def get(self, key: K) -> V | None:
        """What is remembered, or None."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None else None

    def drop(self, key: K) -> None:
        """Forget it; no error when it is not there."""
        if self._entries.pop(key, None) is not None:
            self._tell((key, None, False))

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """The keys, oldest first."""
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def told(self) -> Told:
        """For a snapshot; costs what is new."""
        return [raw for _, raw in self._old] + [msgspec.Raw(_encode(self._fresh))]

    def retell(self, told: Told, key: Any, value: Any) -> None:
        """Put back what `told` gave; `key`, `value`: their types. Raises msgspec.ValidationError."""
        entry = GenericAlias(tuple, (key, value | None, bool))
        decoder: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(GenericAlias(list, (entry,)))
        for raw in told:
            for name, kept, there in decoder.decode(raw):
                if there:
                    self.put(name, kept)
                else:
                    self.drop(name)

    def _tell(self, entry: Entry[K, V]) -> None:
        self._fresh.append(entry)
        if len(self._fresh) < CHUNK:
            return
        self._old.append((self._fresh, msgspec.Raw(_encode(self._fresh))))
        self._told += len(self._fresh)
        self._fresh = []
        if self._told > 2 * (len(self._entries) + CHUNK):
            oldest, _ = self._old.popleft()
            self._told -= len(oldest)
            self._fresh = [old for old in oldest if self._entries.get(old[0]) is old]
