"""Which trunk a call leaves through, how numbers are written there, and when a trunk is held to be down."""

from collections import Counter

import pytest

from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import NumberFormat, NumberReading, NumberStyle, Outgoing
from callstream_media_gateway.domain.number_format import read, written
from callstream_media_gateway.domain.trunk_choice import Exit, TrunkState, Unusable, carries, in_order
from callstream_media_gateway.domain.window import Window

E164, DIGITS, NATIONAL = NumberStyle.E164, NumberStyle.DIGITS, NumberStyle.NATIONAL


def way_out(name: str, priority: int = 1, weight: int = 1, **more: object) -> Exit:
    outgoing = Outgoing(host="192.0.2.1", priority=priority, weight=weight, **more)  # type: ignore[arg-type]
    return Trunk(id=name, outgoing=outgoing), outgoing


def names(exits: list[Exit]) -> list[str]:
    return [trunk.id for trunk, _ in exits]


@pytest.mark.parametrize(
    ("style", "prefix", "number", "sent"),
    [
        (E164, "", "+862166668888", "+862166668888"),
        (DIGITS, "", "+862166668888", "862166668888"),
        (NATIONAL, "", "+862166668888", "02166668888"),
        (NATIONAL, "", "+8613900000001", "13900000001"),
        (NATIONAL, "", "+864001112222", "4001112222"),
        (NATIONAL, "", "+12125550100", "0012125550100"),
        (NATIONAL, "9", "+8613900000001", "913900000001"),
        (DIGITS, "00", "+12125550100", "0012125550100"),
        (E164, "", "10086", "10086"),
        (NATIONAL, "9", "119", "9119"),
    ],
)
def test_a_number_is_written_as_the_trunk_wants_it(style: NumberStyle, prefix: str, number: str, sent: str) -> None:
    assert written(number, NumberFormat(style=style, prefix=prefix), "CN") == sent


@pytest.mark.parametrize(
    ("style", "prefix", "got", "first"),
    [
        (None, "", "02166668888", "+862166668888"),
        (None, "", "+862166668888", "+862166668888"),
        (None, "77", "7702166668888", "+862166668888"),
        (None, "77", "02166668888", "+862166668888"),
        (DIGITS, "", "862166668888", "+862166668888"),
        (DIGITS, "", "12125550100", "+12125550100"),
        (E164, "", "+12125550100;npdi", "+12125550100"),
        (NATIONAL, "", "12125550100", "+8612125550100"),
        (DIGITS, "", "anonymous", None),
    ],
)
def test_a_number_is_read_as_the_trunk_means_it(style: NumberStyle | None, prefix: str, got: str, first: str | None) -> None:
    readings = read(got, NumberReading(style=style, prefix=prefix), "CN")
    assert (readings[0] if readings else None) == first


def test_the_lowest_priority_goes_first_and_equals_share_by_weight() -> None:
    backup, one, other = way_out("backup", 2), way_out("one", 1, 3), way_out("other", 1, 1)
    firsts: Counter[str] = Counter()
    for eighths in range(8):
        order = names(in_order([backup, one, other], lambda: eighths / 8))  # noqa: B023
        assert order[-1] == "backup"
        assert sorted(order) == ["backup", "one", "other"]
        firsts[order[0]] += 1
    assert firsts == {"one": 6, "other": 2}, "three to one"


@pytest.mark.parametrize(
    ("trunks", "callers", "may"),
    [((), (), True), (("a",), (), True), (("b",), (), False), ((), ("+861055501234",), True), ((), ("+861055509999",), False)],
)
def test_a_number_leaves_through_the_trunks_that_carry_it(trunks: tuple[str, ...], callers: tuple[str, ...], may: bool) -> None:
    trunk, outgoing = way_out("a", callers=callers)
    assert carries(trunk, outgoing, Number(number="+861055501234", flow_id="f", flow_version=1, trunks=trunks)) is may


def test_a_trunk_is_down_after_failures_in_a_row_and_up_with_its_first_answer() -> None:
    _, outgoing = way_out("a", down_after=3)
    state = TrunkState()
    assert [state.failed(outgoing, "408") for _ in range(2)] == [False, False]
    assert not state.alive(), "it never was down"
    assert [state.failed(outgoing, "408") for _ in range(4)] == [False, False, True, False]
    assert (state.unusable(outgoing, 0.0), state.message) == (Unusable.DOWN, "408")
    assert state.alive()
    assert state.unusable(outgoing, 0.0) is None


def test_a_trunk_that_is_not_asked_is_never_held_to_be_down() -> None:
    _, outgoing = way_out("a", options_every_s=0, down_after=1)
    state = TrunkState()
    assert not any(state.failed(outgoing, "503") for _ in range(5))
    assert state.unusable(outgoing, 0.0) is None


def test_a_trunk_takes_no_more_calls_than_it_may_at_once_and_within_a_second() -> None:
    _, outgoing = way_out("a", max_calls=3, max_calls_per_s=2)
    state = TrunkState()
    taken = []
    for tenth in (0, 1, 2, 10, 11, 12, 30):
        why = state.unusable(outgoing, tenth / 10)
        taken.append(why)
        if why is None:
            state.calls += 1
            state.started.note(tenth / 10)
    assert taken == [None, None, Unusable.TOO_FAST, None, Unusable.FULL, Unusable.FULL, Unusable.FULL]
    state.calls -= 1
    assert state.unusable(outgoing, 3.0) is None
    state.registered = False
    assert state.unusable(outgoing, 3.0) is Unusable.NOT_REGISTERED


def test_a_window_forgets_what_is_older_than_itself() -> None:
    window = Window(60)
    for moment in range(0, 100, 10):
        window.note(moment)
    assert [window.count(now) for now in (100, 120, 149, 150)] == [5, 3, 1, 0]
