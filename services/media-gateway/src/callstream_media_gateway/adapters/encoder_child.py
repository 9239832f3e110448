"""The encoder's child process: one order a line on standard input, one answer a line on standard output.

It leaves when its standard input closes, which a killed parent's does. LAME and numpy live here, so signalling stays small.
"""

import os
import sys
from pathlib import Path

import msgspec


class Order(msgspec.Struct, frozen=True):
    """Encode `wav`, a file of the store `root`, to an MP3 beside it."""

    root: str
    wav: str


class Answer(msgspec.Struct, frozen=True):
    """`error` empty: done; `path` is relative to the store."""

    error: str = ""
    path: str = ""
    duration_ms: int = 0
    size_bytes: int = 0
    sha256: str = ""


def carry_out(order: Order) -> Answer:
    """Encode one recording."""
    from callstream_media_gateway.media.encode import RecordingError, encode_mp3

    wav = Path(order.wav)
    try:
        encoded = encode_mp3(wav, wav.with_suffix(".mp3"))
    except RecordingError as error:
        return Answer(error=str(error).replace(f"{order.root}/", ""))
    path = encoded.path.relative_to(order.root).as_posix()
    return Answer("", path, encoded.duration_ms, encoded.size_bytes, encoded.sha256)


def main() -> None:
    """Until the orders end."""
    os.nice(10)
    for line in sys.stdin.buffer:
        answer = carry_out(msgspec.json.decode(line, type=Order))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
