"""Comfort noise: what a peer that keeps silent wants to be heard meanwhile (RFC 3389)."""

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16

_OVERLOAD = 32768
"""RMS of 0 dBov."""
_RANDOM = np.random.default_rng()


def comfort_noise(level: int) -> I16:
    """One frame of white noise at -level dBov (0..127). The spectrum that a longer payload tells is not followed."""
    noise = _RANDOM.standard_normal(FRAME) * (_OVERLOAD * 10 ** (-level / 20))
    return np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
