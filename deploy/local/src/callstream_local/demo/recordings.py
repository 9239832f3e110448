"""Listening to a recording: MP3 in, the tone of each channel out."""

import io
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from callstream_local.demo.evidence import RecordingHeard
from callstream_local.phones.ear import RATE, Ear


def listen_to(mp3: bytes, ear: Ear) -> RecordingHeard:
    """What the two channels hold; `problem` says why a file cannot be used."""
    try:
        channels = _decode(mp3)
    except (av.FFmpegError, ValueError, IndexError) as error:
        return RecordingHeard(problem=f"{type(error).__name__}: {error}")
    if len(channels) != 2:
        return RecordingHeard(problem=f"{len(channels)} channels instead of 2")
    return RecordingHeard(ear.heard(channels[0]), ear.heard(channels[1]))


def _decode(mp3: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Samples at 8 kHz, one row a channel."""
    with av.open(io.BytesIO(mp3), "r") as container:
        stream = container.streams.audio[0]
        channels = stream.codec_context.layout.nb_channels
        resampler = AudioResampler(format="s16p", layout=stream.codec_context.layout, rate=RATE)
        parts = [out.to_ndarray() for frame in container.decode(stream) for out in resampler.resample(frame)]
        parts += [out.to_ndarray() for out in resampler.resample(None)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), np.int16)
