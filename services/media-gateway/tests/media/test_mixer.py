"""The matrix: rows say who hears whom; expected values are sums written out."""

from typing import cast

import numpy as np
import pytest

from callstream_media_gateway.media.arrays import FRAME
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.mixer import Matrix

LEGS = cast(list[Leg], ["customer", "agent", "supervisor", "colleague"])
CUSTOMER, AGENT, SUPERVISOR, COLLEAGUE = LEGS
LEVELS = [1000, 200, 30, 4]

CASES: dict[str, tuple[list[tuple[Leg, Leg, float]], list[int]]] = {
    "nobody hears anybody": ([], [0, 0, 0, 0]),
    "bridge": ([(CUSTOMER, AGENT, 1), (AGENT, CUSTOMER, 1)], [200, 1000, 0, 0]),
    "mute: the customer does not hear the agent": ([(AGENT, CUSTOMER, 1)], [0, 1000, 0, 0]),
    "listen: the supervisor hears both": (
        [(CUSTOMER, AGENT, 1), (AGENT, CUSTOMER, 1), (SUPERVISOR, CUSTOMER, 1), (SUPERVISOR, AGENT, 1)],
        [200, 1000, 1200, 0],
    ),
    "whisper: the agent hears the supervisor too": (
        [(CUSTOMER, AGENT, 1), (AGENT, CUSTOMER, 1), (AGENT, SUPERVISOR, 1), (SUPERVISOR, CUSTOMER, 1)],
        [200, 1030, 1000, 0],
    ),
    "three-way": (
        [(a, b, 1) for a in LEGS[:3] for b in LEGS[:3] if a != b],
        [230, 1030, 1200, 0],
    ),
    "gain": ([(AGENT, CUSTOMER, 0.5), (COLLEAGUE, AGENT, 2)], [0, 500, 0, 400]),
}


def hear(matrix: Matrix, levels: list[int] | None = None) -> list[int]:
    said = np.zeros((len(LEGS) + 1, FRAME), np.int16)
    said[:-1] = np.array(levels or LEVELS, np.int16)[:, None]
    matrix.compile({leg: row for row, leg in enumerate(LEGS)})
    heard = matrix.mix(said)
    assert (heard == heard[:, :1]).all()
    assert heard[-1, 0] == 0
    return [int(level) for level in heard[:-1, 0]]


@pytest.mark.parametrize("name", CASES)
def test_what_each_leg_hears(name: str) -> None:
    edges, expected = CASES[name]
    matrix = Matrix()
    for listener, source, gain in edges:
        matrix.set(listener, source, gain)
    assert hear(matrix) == expected
    assert sorted(matrix.entries()) == sorted(edges)


def test_too_loud_is_limited_not_wrapped() -> None:
    matrix = Matrix()
    matrix.set(CUSTOMER, AGENT, 1)
    matrix.set(CUSTOMER, SUPERVISOR, 1)
    matrix.set(AGENT, CUSTOMER, 4)
    assert hear(matrix, [-20_000, 30_000, 30_000, 0]) == [32767, -32768, 0, 0]


def test_entries_are_set_cleared_and_removed_with_their_leg() -> None:
    matrix = Matrix()
    for listener, source in ((CUSTOMER, AGENT), (AGENT, CUSTOMER), (SUPERVISOR, AGENT), (SUPERVISOR, CUSTOMER)):
        matrix.set(listener, source, 1)
    matrix.set(SUPERVISOR, AGENT, 0.1)
    matrix.clear(CUSTOMER, AGENT)
    matrix.clear(COLLEAGUE, AGENT)
    assert hear(matrix) == [0, 1000, 1020, 0]
    matrix.remove(CUSTOMER)
    assert hear(matrix) == [0, 0, 20, 0]
