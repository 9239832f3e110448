"""Alerts about a leg's audio, and its figures at the end."""

import pytest

from callstream.contracts.call_events import LegEnded, QualityChanged
from callstream.contracts.states import LegRole
from callstream_media_gateway.domain import inputs as on

from .story import AGENT, CUSTOMER, talking


def sounds(bad: bool, leg_id: str = AGENT) -> on.SoundsBad:
    return on.SoundsBad(leg_id=leg_id, bad=bad, mos=2.9, loss=0.1234, jitter_ms=31.0, rtt_ms=250.0)


@pytest.mark.parametrize(("leg_id", "role", "agent_id"), [(CUSTOMER, LegRole.CUSTOMER, ""), (AGENT, LegRole.AGENT, "1001")])
def test_a_bad_leg_is_told_with_its_figures(leg_id: str, role: LegRole, agent_id: str) -> None:
    call = talking()
    assert call.step(sounds(True, leg_id)) == []
    assert call.last(QualityChanged) == QualityChanged(
        leg_id=leg_id, role=role, agent_id=agent_id, bad=True, mos=2.9, loss_percent=12.3, jitter_ms=31.0, rtt_ms=250.0
    )


def test_the_same_news_twice_is_told_once() -> None:
    call = talking().steps(sounds(True), sounds(True), sounds(False), sounds(False), sounds(True))
    assert [fact.bad for fact in call.events if isinstance(fact, QualityChanged)] == [True, False, True]


def test_good_news_without_bad_ones_before_are_none() -> None:
    call = talking().steps(sounds(False))
    assert "quality-changed" not in call.names


def test_a_leg_that_is_over_or_unknown_is_not_told_of() -> None:
    call = talking().steps(sounds(True, "nobody"), on.HungUp(leg_id=CUSTOMER), sounds(True, CUSTOMER))
    assert "quality-changed" not in call.names


def test_the_end_of_a_leg_holds_all_its_figures() -> None:
    call = talking().steps(on.HungUp(leg_id=CUSTOMER))
    figures = on.LegFigures(packets_received=9, packets_lost=2, rtt_ms=80.5, remote_lost=3, remote_jitter_ms=4.5, mos=4.1)
    call.step(on.LegClosed(leg_id=CUSTOMER, figures=figures))
    assert "leg-ended" not in call.names, "it is told with the call's end"
    call.step(on.LegClosed(leg_id=AGENT))
    ended = next(leg for leg in call.events if isinstance(leg, LegEnded) and leg.leg_id == CUSTOMER)
    assert (ended.rtt_ms, ended.remote_lost, ended.remote_jitter_ms, ended.mos) == (80.5, 3, 4.5, 4.1)
