"""Music for people who wait: a short arpeggio of chords, so that no moment of it is mistaken for somebody's tone."""

import wave
from pathlib import Path

import numpy as np

from callstream_local.phones.ear import RATE

_CHORDS_HZ = ((262, 327, 393), (294, 353, 441), (349, 437, 524), (262, 327, 393))
_CHORD_S = 1.0


def write_music(path: Path) -> None:
    """Four seconds of 8 kHz mono WAV."""
    time = np.arange(round(RATE * _CHORD_S)) / RATE
    fade = np.exp(-2 * time)
    chords = [sum(np.sin(2 * np.pi * hz * time) for hz in chord) * fade for chord in _CHORDS_HZ]
    samples = (np.concatenate(chords) * 2500).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
