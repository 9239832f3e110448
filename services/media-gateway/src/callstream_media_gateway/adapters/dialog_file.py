"""The dialogs of running calls on the disk, for one purpose: to hang up when signalling and media worker died together.

Appended to, a frame for each answered leg and one for each call that is over: some 10 µs, two or three times a call. A killed
process leaves what it wrote; after a power cut the end may be missing, and then those peers hang up by themselves.
"""

from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

from callstream_media_gateway.sip.dialog_state import DialogState

log = structlog.get_logger(__name__)

LENGTH_BYTES = 4
COMPACT_BYTES = 16 * 1024 * 1024
"""Beyond that, and twice what is alive, the file is written anew."""

Frame = tuple[str, str, DialogState | None]
"""(call id, leg id, state); without a state the call is over."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


class DialogFile:
    """`read` once at the start, then `begin`. A disk that refuses is logged: calls matter more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._alive: dict[str, dict[str, bytes]] = {}
        self._written = 0

    def read(self) -> dict[str, list[DialogState]]:
        """The dialogs of calls that were not over, by call id. What cannot be read, and all behind it, is left out."""
        found: dict[str, dict[str, DialogState]] = {}
        try:
            data = self._path.read_bytes()
        except OSError:
            return {}
        at = 0
        while at + LENGTH_BYTES <= len(data):
            end = at + LENGTH_BYTES + int.from_bytes(data[at : at + LENGTH_BYTES], "big")
            try:
                call_id, leg_id, state = _decoder.decode(data[at + LENGTH_BYTES : end])
            except msgspec.DecodeError as error:
                log.warning("dialogs of an earlier run are not readable to the end", at=at, error=str(error))
                break
            if state is None:
                found.pop(call_id, None)
            else:
                found.setdefault(call_id, {})[leg_id] = state
            at = end
        return {call_id: list(legs.values()) for call_id, legs in found.items()}

    def begin(self) -> None:
        """Forget what was read, and write from now on."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
        except OSError as error:
            log.error("dialogs are not kept on the disk", error=str(error))
        self._written = 0
        for legs in self._alive.values():
            for frame in legs.values():
                self._write(frame)

    def put(self, call_id: str, leg_id: str, state: DialogState) -> None:
        """An answered leg, or what has changed about it."""
        frame = _frame((call_id, leg_id, state))
        self._alive.setdefault(call_id, {})[leg_id] = frame
        self._write(frame)

    def over(self, call_id: str) -> None:
        """Nobody has to be told of this call any more."""
        if self._alive.pop(call_id, None) is not None:
            self._write(_frame((call_id, "", None)))
            if self._written > COMPACT_BYTES and self._written > 2 * sum(map(_size, self._alive.values())):
                self.close()
                self.begin()

    def close(self) -> None:
        """What is in it stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, frame: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(frame)
            self._written += len(frame)
        except OSError as error:
            log.error("dialogs are not kept on the disk any more", error=str(error))
            self.close()


def _frame(content: Frame) -> bytes:
    body = _encoder.encode(content)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _size(legs: dict[str, bytes]) -> int:
    return sum(map(len, legs.values()))
