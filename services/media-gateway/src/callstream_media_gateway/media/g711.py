"""G.711 by table: A-law (PCMA, RTP payload type 8) and µ-law (PCMU, 0), from and to 16 bit linear samples.

The segments are those of ITU-T G.711 tables 1a to 2b; A-law has 13 bits, µ-law 14, both left-aligned in 16.
"""

import numpy as np

from callstream_media_gateway.media.arrays import I16, I64, U8

PCMU, PCMA = 0, 8
PAYLOAD_TYPES = {"PCMU": PCMU, "PCMA": PCMA}
SILENCE = {PCMU: 0xFF, PCMA: 0xD5}

_MU_BIAS = 0x84
_MU_CLIP = 32635


def _decode_alaw() -> I16:
    code = np.arange(256, dtype=np.int64) ^ 0x55
    segment = (code & 0x70) >> 4
    base = ((code & 0x0F) << 4) + np.where(segment == 0, 8, 0x108)
    magnitude = base << np.maximum(segment - 1, 0)
    samples: I16 = np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
    return samples


def _decode_mulaw() -> I16:
    code = ~np.arange(256, dtype=np.int64) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _MU_BIAS) << ((code & 0x70) >> 4)) - _MU_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _linear() -> I64:
    """All 16 bit values, in the order of their unsigned bit patterns, so that a sample's bits are its index."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)


def _encode_alaw() -> U8:
    sample = _linear() >> 3
    magnitude = np.where(sample >= 0, sample, -sample - 1)
    segment = np.searchsorted(np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF]), magnitude)
    step = magnitude >> np.maximum(segment, 1)
    code = (segment << 4) | (step & 0x0F)
    return (code ^ np.where(sample >= 0, 0xD5, 0x55)).astype(np.uint8)


def _encode_mulaw() -> U8:
    sample = _linear()
    magnitude = np.minimum(np.abs(sample), _MU_CLIP) + _MU_BIAS
    segment = np.searchsorted(np.array([0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF, 0x3FFF]), magnitude)
    code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F)
    return (~(code | np.where(sample < 0, 0x80, 0)) & 0xFF).astype(np.uint8)


DECODE = {PCMU: _decode_mulaw(), PCMA: _decode_alaw()}
"""Payload type -> linear value of each of the 256 codes."""
ENCODE = {PCMU: _encode_mulaw(), PCMA: _encode_alaw()}
"""Payload type -> code of each 16 bit value, indexed by its bits as unsigned."""
SOFTER = {law: ENCODE[law][(DECODE[law] >> 1).view(np.uint16)] for law in (PCMU, PCMA)}
"""Payload type -> the code 6 dB below each code, for concealing lost frames."""


def encode(samples: I16, payload_type: int) -> U8:
    """Codes of the samples, same shape. Samples must be contiguous."""
    return ENCODE[payload_type][samples.view(np.uint16)]


def decode(codes: U8, payload_type: int) -> I16:
    """Samples of the codes, same shape."""
    return DECODE[payload_type][codes]
