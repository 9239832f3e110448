"""Stereo recordings, written while the call goes on.

A tick copies one frame per channel into each recording's second of memory; a full second goes to a writer thread, so a
slow disk delays no audio. The file is a wav whose header says "as long as the file" until `stop` writes the true
length: after a kill -9 at most one second is missing and the rest is readable (`encode.read_recording`).
"""

import queue
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16, RATE
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.tone import level_dbm0

FRAMES_PER_WRITE = 50
HEADER_BYTES = 44
QUIET_DBM0 = -42.0
"""Of a whole second: speech with pauses has -30, a line's noise -50."""
_UNKNOWN = 0xFFFFFFFF


def wav_header(data_bytes: int = _UNKNOWN) -> bytes:
    """RIFF header of 8 kHz, 16 bit, stereo. data_bytes unknown: readers take the rest of the file."""
    riff = min(data_bytes + HEADER_BYTES - 8, _UNKNOWN)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16, b"data", min(data_bytes, _UNKNOWN)
    )


@dataclass(eq=False)
class Recording:
    """right None: everything that left hears. second: (FRAMES_PER_WRITE, FRAME, 2)."""

    recording_id: str
    call_id: str
    left: Leg
    right: Leg | None
    path: Path
    second: I16
    filled: int = 0
    paused: bool = False
    quiet_s: int = 0
    quiet: int = 0
    """Whole seconds in which left has said nothing, up to now."""


@dataclass(frozen=True)
class Written:
    """A recording whose file is complete, as far as error says."""

    recording: Recording
    duration_ms: int
    size_bytes: int
    error: str


class Recorder:
    """wake: called from the writer thread when `finished` has something to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.running: dict[str, Recording] = {}
        self._wake = wake
        self._jobs: queue.SimpleQueue[tuple[Recording, bytes | None]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Written] = queue.SimpleQueue()
        self._unfinished = 0
        self._thread: threading.Thread | None = None
        self.quiet: list[Recording] = []
        """Those that have just fallen quiet; who tells it clears the list."""
        self._left: list[int] = []
        self._right: list[tuple[bool, int]] = []

    @property
    def idle(self) -> bool:
        """Nothing running, nothing left to write."""
        return not self.running and not self._unfinished

    def start(self, recording_id: str, call_id: str, left: Leg, right: Leg | None, path: Path, quiet_s: int = 0) -> None:
        second = np.zeros((FRAMES_PER_WRITE, FRAME, 2), np.int16)
        recording = Recording(recording_id, call_id, left, right, path, second, quiet_s=quiet_s)
        self.running[recording_id] = recording
        self._unfinished += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="recordings", daemon=True)
            self._thread.start()
        self._jobs.put((recording, b""))

    def stop(self, recording_id: str) -> None:
        recording = self.running.pop(recording_id, None)
        if recording is not None:
            self._jobs.put((recording, recording.second[: recording.filled].tobytes()))
            self._jobs.put((recording, None))

    def pause(self, recording_id: str, paused: bool) -> None:
        """While paused, silence is written: what lies behind keeps its time."""
        recording = self.running.get(recording_id)
        if recording is not None:
            recording.paused = paused

    def compile(self, row_of: Mapping[Leg, int]) -> None:
        """After each change of legs or recordings. Legs that are gone are silent (the row after the last)."""
        silence = len(row_of)
        self._left = [row_of.get(r.left, silence) for r in self.running.values()]
        self._right = [
            (r.right is None, row_of.get(r.left if r.right is None else r.right, silence)) for r in self.running.values()
        ]

    def take(self, said: I16, heard: I16) -> None:
        """One tick. said, heard: (n + 1, FRAME)."""
        for recording, left, (listens, right) in zip(self.running.values(), self._left, self._right, strict=True):
            frame = recording.second[recording.filled]
            if recording.paused:
                frame[:] = 0
            else:
                frame[:, 0] = said[left]
                frame[:, 1] = heard[right] if listens else said[right]
            self._advance(recording)

    def skip(self, frames: int) -> None:
        """Time passed in which nothing was heard (the process was stopped): as much silence."""
        for recording in self.running.values():
            for _ in range(frames):
                recording.second[recording.filled] = 0
                self._advance(recording)

    def _advance(self, recording: Recording) -> None:
        recording.filled += 1
        if recording.filled == FRAMES_PER_WRITE:
            self._jobs.put((recording, recording.second.tobytes()))
            recording.filled = 0
            if recording.quiet_s:
                self._listen(recording)

    def _listen(self, recording: Recording) -> None:
        loud = level_dbm0(recording.second[:, :, 0].reshape(-1)) > QUIET_DBM0
        recording.quiet = 0 if loud else recording.quiet + 1
        if recording.quiet == recording.quiet_s:
            self.quiet.append(recording)

    def finished(self) -> list[Written]:
        results = []
        while not self._done.empty():
            results.append(self._done.get())
            self._unfinished -= 1
        return results

    # --- the writer thread ------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        files: dict[Recording, BinaryIO] = {}
        errors: dict[Recording, str] = {}
        while True:
            recording, data = self._jobs.get()
            try:
                if recording not in files and recording not in errors:
                    recording.path.parent.mkdir(parents=True, exist_ok=True)
                    files[recording] = recording.path.open("xb", buffering=0)
                    files[recording].write(wav_header())
                if data and recording in files:
                    files[recording].write(data)
            except OSError as error:
                errors.setdefault(recording, str(error))
            if data is None:
                self._done.put(_close(recording, files.pop(recording, None), errors.pop(recording, "")))
                self._wake()


def _close(recording: Recording, file: BinaryIO | None, error: str) -> Written:
    if file is None:
        return Written(recording, 0, 0, error)
    with file:
        size = file.seek(0, 2)
        try:
            file.seek(0)
            file.write(wav_header(size - HEADER_BYTES))
        except OSError as failure:
            error = error or str(failure)
    return Written(recording, (size - HEADER_BYTES) // 4 // (RATE // 1000), size, error)
