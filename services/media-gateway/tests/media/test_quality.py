"""The E-model's numbers, and when a leg counts as bad."""

import pytest

from callstream_media_gateway.media.mos import opinion, rating
from callstream_media_gateway.media.quality import Figures, QualityWatch

# G.107 Annex B, table B.1: R and its mean opinion score
TABLE = [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)]


@pytest.mark.parametrize(("r", "mos"), TABLE)
def test_opinions_are_those_of_the_recommendation(r: float, mos: float) -> None:
    assert opinion(r) == pytest.approx(mos, abs=0.01)


@pytest.mark.parametrize("r", [-20, 0, 3, 6.5, 100, 120])
def test_opinions_stay_within_their_scale(r: float) -> None:
    assert 1 <= opinion(r) <= 4.5


def test_a_perfect_line_and_what_takes_from_it() -> None:
    assert rating("PCMA", 0, 50) == 93.2
    assert rating("PCMA", 0, 100) == 93.2
    assert rating("PCMA", 0, 400) < 80  # G.114: 400 ms are the limit
    assert rating("PCMA", 0.05, 50) == pytest.approx(93.2 - 95 * 5 / 30.1)
    losses = [rating("OPUS", percent / 100, 50) for percent in range(0, 101, 5)]
    assert losses == sorted(losses, reverse=True)


def figures(**known: float) -> Figures:
    return Figures("PCMA", 250, 0, 1.0, 40.0)._replace(**known)  # type: ignore[arg-type]


def test_the_worse_direction_counts() -> None:
    whole = figures().mos
    assert whole is not None
    assert whole > 4.3
    assert (figures(lost=25).mos or 5) < 3.6
    assert (figures(remote_loss=0.1).mos or 5) < 3.6
    assert (figures(rtt_ms=1000).mos or 5) < 3.6
    assert figures(expected=49).mos is None


WINDOWS: list[tuple[str, list[float | None], list[int]]] = [
    ("good all along", [4.4] * 5, []),
    ("one bad window is none", [4.4, 2.0, 4.4, 2.0, 4.4], []),
    ("two in a row", [4.4, 3.5, 3.5, 3.0], [2]),
    ("between the thresholds nothing changes", [3.7, 3.7, 3.5, 3.5, 3.7, 3.7, 3.7], [3]),
    ("bad, then good, then bad", [3.0, 3.0, 4.0, 4.0, 4.0, 3.0, 3.0], [1, 3, 6]),
    ("one good window does not end it", [3.0, 3.0, 4.0, 3.0, 4.0], [1]),
    ("silence is no judgement", [3.0, None, 3.0, None], [2]),
]


@pytest.mark.parametrize(("what", "scores", "changes"), WINDOWS, ids=[row[0] for row in WINDOWS])
def test_a_leg_is_bad_after_two_bad_windows(what: str, scores: list[float | None], changes: list[int]) -> None:
    watch = QualityWatch()
    assert [number for number, mos in enumerate(scores) if watch.window(mos)] == changes
    assert watch.bad == bool(len(changes) % 2)
