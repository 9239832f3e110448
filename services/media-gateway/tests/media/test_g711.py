"""G.711 tables against the segment formulas of the recommendation, computed here one sample at a time."""

from collections.abc import Callable

import numpy as np
import pytest

from callstream_media_gateway.media.g711 import DECODE, ENCODE, PCMA, PCMU, SILENCE, SOFTER, decode, encode


def alaw_value(code: int) -> int:
    """G.711 table 1a: even bits inverted, sign, 3 bits segment, 4 bits step; middle of the interval, 13 bits."""
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 15
    value = 2 * step + 1 if segment == 0 else (2 * step + 33) << (segment - 1)
    return (value if code & 0x80 else -value) * 8


def mulaw_value(code: int) -> int:
    """G.711 table 2a: all bits inverted; 14 bits with a bias of 33."""
    code ^= 0xFF
    segment, step = code >> 4 & 7, code & 15
    value = ((2 * step + 33) << segment) - 33
    return (-value if code & 0x80 else value) * 4


@pytest.mark.parametrize(("law", "formula"), [(PCMA, alaw_value), (PCMU, mulaw_value)])
def test_decoding_is_the_formula(law: int, formula: Callable[[int], int]) -> None:
    assert DECODE[law].tolist() == [formula(code) for code in range(256)]


@pytest.mark.parametrize("law", [PCMA, PCMU])
def test_every_code_survives_a_round_trip(law: int) -> None:
    codes = np.arange(256, dtype=np.uint8)
    again = encode(decode(codes, law), law)
    assert decode(again, law).tolist() == decode(codes, law).tolist()  # µ-law has two zeros


@pytest.mark.parametrize("law", [PCMA, PCMU])
def test_each_sample_gets_a_code_within_half_a_step(law: int) -> None:
    samples = np.arange(-32768, 32768)
    values = DECODE[law][ENCODE[law][samples.astype(np.int16).view(np.uint16)]].astype(int)
    # A step is 1/16 of its segment, whose lower end is biased by 132 in µ-law; A-law's smallest step is 16 wide.
    inside = np.abs(samples) <= 31_000
    allowed = np.maximum((np.abs(samples) + 132) / 32 + 1, 16 if law == PCMA else 0)
    assert (np.abs(values - samples)[inside] <= allowed[inside]).all()
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("law", [PCMA, PCMU])
def test_silence_and_softer(law: int) -> None:
    assert abs(int(DECODE[law][SILENCE[law]])) <= 8
    loud = np.flatnonzero(np.abs(DECODE[law].astype(int)) > 1000)
    ratio = DECODE[law][SOFTER[law][loud]] / DECODE[law][loud]
    assert np.allclose(ratio, 0.5, atol=0.04)
