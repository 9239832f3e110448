"""Opus (RFC 6716) at 8 kHz mono through libopus itself: it resamples, conceals and repairs inside the codec.

PyAV brings libopus (BSD licence) in its wheel, but no way to its loss concealment and forward error correction; hence
this binding of six functions. The interpreter lock is kept during calls (`PyDLL`): each takes microseconds, and giving
it up would let a file writer's thread in front of the tick.
"""

import ctypes
import ctypes.util
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16, RATE

MAX_BYTES = FRAME
"""Of a packet that we send: 64 kbit/s."""
MAX_SAMPLES = RATE * 120 // 1000
"""The longest packet holds 120 ms."""
_BITRATE = 24_000
_COMPLEXITY = 1
"""Of 0 to 10. A second of speech costs 2 ms of a core at 0, 4 at 5; at 8 kHz the difference is hardly heard."""
_EXPECTED_LOSS_PERCENT = 10
"""At this bitrate the encoder adds redundancy for the peer (RFC 6716 §2.1.7) from 10 on, and none below."""
_VOIP, _NARROWBAND = 2048, 1101
_SET_BITRATE, _SET_MAX_BANDWIDTH, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS = 4002, 4004, 4010, 4012, 4014
_RESET_STATE = 4028


class OpusMissingError(Exception):
    """No libopus on this machine."""


@cache
def _library() -> ctypes.PyDLL:
    library = ctypes.PyDLL(_path())
    library.opus_encode.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int32)
    library.opus_decode.argtypes = (
        *(ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int),
    )
    library.opus_packet_get_nb_samples.argtypes = (ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32)
    return library


def _path() -> str:
    """Raises `OpusMissingError`."""
    av = importlib.util.find_spec("av")
    if av is not None and av.origin is not None:
        for path in sorted((Path(av.origin).parent.parent / "av.libs").glob("libopus*.so*")):
            return str(path)
    system = ctypes.util.find_library("opus")
    if system is None:
        raise OpusMissingError("libopus: neither in the av wheel nor on this system")
    return system


def available() -> bool:
    """Whether this machine has libopus."""
    try:
        _library()
    except (OpusMissingError, OSError):
        return False
    return True


def packet_samples(payload: bytes) -> int:
    """Samples at 8 kHz that the packet holds, by its table of contents; 0: it is no Opus packet."""
    samples = _library().opus_packet_get_nb_samples(payload, len(payload), RATE)
    return samples if 0 < samples <= MAX_SAMPLES else 0


class OpusDecoder:
    """Of one stream: packets in order, or `conceal` and `repair` for those that are missing."""

    def __init__(self) -> None:
        self._library = _library()
        self._state = ctypes.create_string_buffer(self._library.opus_decoder_get_size(1))
        self._library.opus_decoder_init(self._state, RATE, 1)
        self._samples = np.zeros(MAX_SAMPLES, np.int16)
        self._address = self._samples.ctypes.data

    def decode(self, payload: bytes) -> I16:
        """Empty for what cannot be decoded."""
        return self._decode(payload, MAX_SAMPLES, fec=False) if payload else self._samples[:0]

    def conceal(self, samples: int) -> I16:
        """What a lost packet may have held, softer the longer it lasts. samples: a multiple of 20 (2.5 ms)."""
        return self._decode(None, samples, fec=False)

    def repair(self, following: bytes, samples: int) -> I16:
        """The lost frame out of the redundancy in the packet after it; concealed when there is none."""
        return self._decode(following, samples, fec=True)

    def reset(self) -> None:
        """The next packet is of another source."""
        self._library.opus_decoder_ctl(self._state, _RESET_STATE)

    def _decode(self, payload: bytes | None, samples: int, *, fec: bool) -> I16:
        size = 0 if payload is None else len(payload)
        count = self._library.opus_decode(self._state, payload, size, self._address, samples, int(fec))
        return self._samples[: max(0, count)].copy()


class OpusEncoder:
    """Of one stream: a packet per frame, with redundancy against loss."""

    def __init__(self) -> None:
        self._library = _library()
        self._state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(1))
        self._library.opus_encoder_init(self._state, RATE, 1, _VOIP)
        for setting, value in (
            (_SET_BITRATE, _BITRATE),
            (_SET_MAX_BANDWIDTH, _NARROWBAND),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_FEC, 1),
            (_SET_LOSS, _EXPECTED_LOSS_PERCENT),
        ):
            self._library.opus_encoder_ctl(self._state, setting, ctypes.c_int32(value))
        self._packet = ctypes.create_string_buffer(MAX_BYTES)

    def encode(self, samples: I16) -> bytes:
        """samples: one frame, contiguous. At most MAX_BYTES."""
        size = self._library.opus_encode(self._state, samples.ctypes.data, FRAME, self._packet, MAX_BYTES)
        return self._packet.raw[: max(0, size)]
