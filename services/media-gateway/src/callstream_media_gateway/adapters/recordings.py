"""The recordings store: where a recording lies, and from the media worker's wav to the MP3 that is linked.

Layout: <tenant, or tenant@place>/<yyyy>/<mm>/<dd>/<recording id>.mp3 (UTC day of its start); beside it the .wav while it is
being recorded or encoded. A wav that is still there at start is one that a crash left unencoded.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from callstream.contracts.recording_bucket import RecordingBucket, parse_root, root_of


class Finished(Struct, frozen=True):
    """An encoded recording; `path` is relative to the store."""

    path: str
    duration_ms: int
    size_bytes: int
    sha256: str


class Leftover(Struct, frozen=True):
    """A wav of an earlier run."""

    wav: Path
    tenant: str
    call_id: str
    recording_id: str


def wav_path(tenant: str, recording_id: str, at: datetime, place: RecordingBucket | None) -> str:
    """Relative path of the worker's file. It names the bucket that is set now: a later one does not change it."""
    return f"{root_of(tenant, place)}/{at:%Y/%m/%d}/{recording_id}.wav"


def leftovers(root: Path) -> Iterator[Leftover]:
    """All wav files of the store."""
    for wav in sorted(root.glob("*/*/*/*/*.wav")):
        tenant, _, _ = parse_root(wav.relative_to(root).as_posix())
        yield Leftover(wav, tenant, wav.stem.rpartition("-")[0], wav.stem)
