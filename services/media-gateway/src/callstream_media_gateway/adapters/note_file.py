"""The notes of running calls (app/note.py), in a file beside the media worker's socket.

Writing one is a copy into the page cache (some 3 µs): nobody is woken or waited for, and what a killed process wrote is there
for the next one. Nothing is synced: a power cut ends the calls by itself. Each call has a place with two halves that are
written in turns, each with a checksum, so whatever a kill in the middle of a copy leaves, the note before it stands. Places
are used again; the file grows to the most calls that there were at once.

Not a mapping: a full disk is an error of the write here, and would be a signal that kills the process there.
"""

import errno
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import structlog

log = structlog.get_logger(__name__)

MAGIC = b"callstream notes 1"
HEAD_BYTES = 4096
"""At the start of the file: MAGIC, and the id of the worker that has the audio of these calls."""

SIZES = (8 * 1024, 64 * 1024, 1024 * 1024)
"""Of a half, in bytes. A simple call's note has 1 to 4 KB."""

_PLACE = struct.Struct(">4sI")  # mark, size of a half
_MARK = b"note"
_CHECKSUM_BYTES = 4
_RECORD = struct.Struct(">IQHI")  # checksum of what follows, number, length of the call's id, length of the note


class _Half(NamedTuple):
    """Half of a place that begins at `place`."""

    place: int
    size: int
    second: bool

    @property
    def at(self) -> int:
        return self.place + _PLACE.size + self.second * self.size

    @property
    def end(self) -> int:
        """Of the whole place."""
        return self.place + _PLACE.size + 2 * self.size

    @property
    def other(self) -> "_Half":
        return _Half(self.place, self.size, not self.second)


class NoteFile:
    """Opens or makes the file. What a former process left is in `left`; a file that cannot be read counts as empty.

    Raises OSError when it cannot be made. Two processes never have it at once: they would not get the same SIP port.
    """

    def __init__(self, path: Path) -> None:
        self.worker_id = ""
        """Of the worker that had the audio of the calls in `left`."""
        self.left: dict[str, bytes] = {}
        """Newest note by call id."""
        self._newest: dict[str, _Half] = {}
        self._free: dict[int, list[_Half]] = {size: [] for size in SIZES}
        self._number = 0
        self._end = HEAD_BYTES
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        data = path.read_bytes()
        if data.startswith(MAGIC):
            self.worker_id = data[len(MAGIC) : HEAD_BYTES].rstrip(b"\0").decode(errors="replace")
            self._take_over(data)
        else:
            self._write(MAGIC.ljust(HEAD_BYTES, b"\0"), 0)
        os.ftruncate(self._fd, self._end)

    def belongs_to(self, worker_id: str) -> None:
        """From now on these are notes of calls whose audio this worker has."""
        if worker_id != self.worker_id:
            self.worker_id = worker_id
            self._write((MAGIC + worker_id.encode()).ljust(HEAD_BYTES, b"\0"), 0)

    def put(self, call_id: str, note: bytes) -> None:
        """The call's newest note. Raises OSError, and ValueError when it is too long: then the one before stands."""
        key, before = call_id.encode(), self._newest.get(call_id)
        length = _RECORD.size + len(key) + len(note)
        if before is not None and length <= before.size:
            self._newest[call_id] = self._turn(before, key, note)
            return
        size = next((size for size in SIZES if size >= length), None)
        if size is None:
            raise ValueError(f"a note of {len(note)} bytes is too long")
        half = self._free[size][-1] if self._free[size] else self._new_place(size)
        self._newest[call_id] = self._turn(half, key, note)
        self._free[size].pop()
        if before is not None:
            self._free[before.size].append(self._turn(before, b"", b""))

    def forget(self, call_id: str) -> None:
        """Nothing more will come of the call. Raises OSError: its place is not used again."""
        newest = self._newest.pop(call_id, None)
        if newest is not None:
            self._free[newest.size].append(self._turn(newest, b"", b""))

    def close(self) -> None:
        """What is in it stays, whatever the last events of a call that is being cut off would still write: what became of it
        stands in the log. (Its number may be another file's by then.)"""
        os.close(self._fd)
        self._fd = -1

    def _turn(self, newest: _Half, key: bytes, note: bytes) -> _Half:
        """Write into the other half."""
        self._number += 1
        other = newest.other
        body = _RECORD.pack(0, self._number, len(key), len(note))[_CHECKSUM_BYTES:] + key + note
        self._write(zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") + body, other.at)
        return other

    def _new_place(self, size: int) -> _Half:
        """At the end, among the free ones."""
        half = _Half(self._end, size, second=True)
        self._write(_PLACE.pack(_MARK, size), half.place)
        self._end = half.end
        self._free[size].append(half)
        return half

    def _write(self, data: bytes, at: int) -> None:
        if self._fd < 0:
            return
        written = os.pwrite(self._fd, data, at)
        if written < len(data):
            raise OSError(errno.ENOSPC, "only the beginning was written")

    def _take_over(self, data: bytes) -> None:
        numbers: dict[str, int] = {}
        while self._end + _PLACE.size <= len(data):
            mark, size = _PLACE.unpack_from(data, self._end)
            if mark != _MARK or size not in SIZES:
                log.warning("notes of an earlier run are not readable to the end", at=self._end)
                return
            first = _Half(self._end, size, second=False)
            self._end = first.end
            found = [(record, half) for half in (first, first.other) if (record := _read(data, half)) is not None]
            (number, call_id, note), half = max(found, default=((0, "", b""), first))
            self._number = max(self._number, number)
            if note and number > numbers.get(call_id, 0):
                if call_id in self._newest:
                    self._free[self._newest[call_id].size].append(self._newest[call_id])
                numbers[call_id], self._newest[call_id], self.left[call_id] = number, half, note
            else:
                self._free[size].append(half)


def _read(data: bytes, half: _Half) -> tuple[int, str, bytes] | None:
    """(number, call id, note) when a whole record stands there."""
    if half.at + _RECORD.size > len(data):
        return None
    checksum, number, key_length, length = _RECORD.unpack_from(data, half.at)
    key_at = half.at + _RECORD.size
    end = key_at + key_length + length
    if end > min(len(data), half.at + half.size) or zlib.crc32(data[half.at + _CHECKSUM_BYTES : end]) != checksum:
        return None
    return number, data[key_at : key_at + key_length].decode(errors="replace"), data[key_at + key_length : end]
