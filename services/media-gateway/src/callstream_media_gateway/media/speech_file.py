"""What the text-to-speech helper says, as a file for the media worker."""

import os
from pathlib import Path

import numpy as np

from callstream_media_gateway.media.arrays import I16
from callstream_media_gateway.media.audiofile import resample, save


def store(path: Path, sound: bytes) -> None:
    """Write the helper's answer (4 bytes little-endian rate, then 16 bit samples) as 8 kHz wav. The file is whole or not there.
    Raises OSError."""
    rate = int.from_bytes(sound[:4], "little")
    samples = np.frombuffer(sound, np.int16, (len(sound) - 4) // 2, 4).astype(np.float32)
    narrow: I16 = np.clip(np.rint(resample(samples, rate)), -32768, 32767).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    save(part, narrow)
    part.replace(path)
