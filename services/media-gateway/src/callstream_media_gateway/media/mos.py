"""How a conversation sounds: the E-model (ITU-T G.107) with the defaults for everything that a network does not tell.

R = 93.2 - Idd - Ie,eff; the mean opinion score follows from R (G.107 Annex B).
"""

import math
from typing import NamedTuple

from callstream_media_gateway.media.worker_commands import Codec

_R_DEFAULT = 93.2
"""Transmission rating with default values (G.107 table 3)."""


class Impairment(NamedTuple):
    """equipment: Ie. robustness: Bpl against random packet loss."""

    equipment: float
    robustness: float


_G711 = Impairment(0.0, 25.1)
"""G.113 appendix I, with packet loss concealment."""
_IMPAIRMENT: dict[Codec, Impairment] = {"PCMA": _G711, "PCMU": _G711, "G722": _G711, "OPUS": _G711}
"""G.113 has no narrowband values for G.722 and Opus; what we make of both is narrowband with concealment."""


def rating(codec: Codec, loss: float, delay_ms: float) -> float:
    """R. loss: share of packets, 0 to 1; delay_ms: mouth to ear, one way."""
    ie, bpl = _IMPAIRMENT[codec]
    percent = 100 * loss
    effective = ie + (95 - ie) * percent / (percent + bpl)
    return _R_DEFAULT - _delay_impairment(delay_ms) - effective


def _delay_impairment(delay_ms: float) -> float:
    """Idd: nothing up to 100 ms."""
    if delay_ms <= 100:
        return 0.0
    x = math.log2(delay_ms / 100)
    impairment: float = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return impairment


def opinion(r: float) -> float:
    """MOS-CQE, 1.0 to 4.5."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
