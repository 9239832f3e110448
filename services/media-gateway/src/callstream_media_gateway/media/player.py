"""Plays prompts, pauses and tones to legs: each play ends in one of completed, interrupted, stopped, failed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16, RATE
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.library import Library, Loaded
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.media.worker_commands import File, PlayItem, Silence, Tone
from callstream_media_gateway.media.worker_events import PlayEnd

MAX_ITEM_MS = 600_000


@dataclass(eq=False)
class Playing:
    """clips: None until all files are loaded; then one array per item. A place is (clip, offset)."""

    leg: Leg
    play_id: str
    items: tuple[PlayItem, ...]
    repeat: int
    interruptible: bool
    over: bool
    clips: list[I16] | None = None
    clip: int = 0
    offset: int = 0
    rounds: int = 0
    played: int = 0
    failed_files: dict[str, str] = field(default_factory=dict)

    def fill(self, frame: I16) -> bool:
        """Write the next FRAME samples; False: there was nothing left (frame is untouched)."""
        if self.clips is None or self._at_end():
            return False
        filled = 0
        while filled < FRAME and not self._at_end():
            part = self.clips[self.clip][self.offset : self.offset + FRAME - filled]
            frame[filled : filled + len(part)] = part
            filled += len(part)
            self.offset += len(part)
        frame[filled:] = 0
        self.played += filled
        return True

    def _at_end(self) -> bool:
        """Move past finished clips and rounds; true when the last round is over."""
        assert self.clips is not None  # noqa: S101
        while self.rounds != self.repeat or not self.repeat:
            if self.clip == len(self.clips):
                self.clip, self.rounds = 0, self.rounds + 1
                continue
            if self.offset < len(self.clips[self.clip]):
                return False
            self.clip, self.offset = self.clip + 1, 0
        return True


class Player:
    """on_finished(playing, reason, detail)."""

    def __init__(self, library: Library, on_finished: Callable[[Playing, PlayEnd, str], None]) -> None:
        self._library = library
        self._on_finished = on_finished
        self._playing: dict[Leg, Playing] = {}

    def __len__(self) -> int:
        return len(self._playing)

    def of(self, leg: Leg) -> Playing | None:
        return self._playing.get(leg)

    def start(self, playing: Playing) -> None:
        """Ends the leg's other play. The same play_id again while it runs: nothing."""
        running = self._playing.get(playing.leg)
        if running is not None and running.play_id == playing.play_id:
            return
        self.end(playing.leg, "stopped")
        self._playing[playing.leg] = playing
        self._prepare(playing)

    def end(self, leg: Leg, reason: PlayEnd, detail: str = "") -> None:
        playing = self._playing.pop(leg, None)
        if playing is not None:
            self._on_finished(playing, reason, detail)

    def stop(self, play_id: str) -> None:
        for leg, playing in self._playing.items():
            if playing.play_id == play_id:
                self.end(leg, "stopped")
                return

    def interrupt(self, leg: Leg) -> None:
        """A key was pressed on the leg."""
        playing = self._playing.get(leg)
        if playing is not None and playing.interruptible:
            self.end(leg, "interrupted")

    def loaded(self, results: list[Loaded]) -> None:
        """Files have come from disk: begin what waited for them."""
        errors = {result.path: result.error for result in results if result.samples is None}
        for playing in [waiting for waiting in self._playing.values() if waiting.clips is None]:
            playing.failed_files.update(
                (item.path, errors[item.path]) for item in playing.items if isinstance(item, File) and item.path in errors
            )
            self._prepare(playing)

    def _prepare(self, playing: Playing) -> None:
        if playing.failed_files:
            self.end(playing.leg, "failed", "; ".join(playing.failed_files.values()))
            return
        clips = [self._clip(item) for item in playing.items]
        ready = [clip for clip in clips if clip is not None]
        if len(ready) < len(clips):
            return
        if not any(len(clip) for clip in ready):
            self.end(playing.leg, "completed")
            return
        playing.clips = ready

    def _clip(self, item: PlayItem) -> I16 | None:
        match item:
            case File():
                return self._library.get(item.path)
            case Silence():
                return np.zeros(item.ms * RATE // 1000, np.int16)
            case Tone():
                return sines(item.frequencies_hz, item.ms * RATE // 1000, item.level_dbm0)

    def render(self, heard: I16, row_of: Mapping[Leg, int]) -> None:
        """One tick: write or add each play's next frame to what its leg hears. heard: (n + 1, FRAME)."""
        finished = []
        mixed = np.empty(FRAME, np.int16)
        for leg, playing in self._playing.items():
            row = heard[row_of[leg]]
            if not playing.over:
                if playing.clips is None:
                    row[:] = 0
                elif not playing.fill(row):
                    finished.append(leg)
            elif playing.clips is not None:
                if playing.fill(mixed):
                    row[:] = np.clip(row.astype(np.int32) + mixed, -32768, 32767)
                else:
                    finished.append(leg)
        for leg in finished:
            self.end(leg, "completed")
