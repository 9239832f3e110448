"""Which number an outside party sees: by hand, by region, by group, for mobiles, for transfers; and who may show what."""

import pytest

from callstream.contracts.lines import Number
from callstream.contracts.outbound import CallerIdPolicy, Region
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.adapters.region_table import load
from callstream_media_gateway.domain.caller_id import Choice, ChosenBy, choose_any, choose_caller_id, choose_marked, may_show
from callstream_media_gateway.domain.dial_guard import Dialler

TABLE = load()
ANN = Dialler("ann", ("sales", "vip"))
SHENZHEN, GUANGZHOU, SHANGHAI, BEIJING = "+8675511110000", "+862011110000", "+862111110000", "+861011110000"
HOTLINE = "+864001112222"
TO_SHENZHEN, TO_FOSHAN, TO_CHENGDU, ABROAD = "+8675599998888", "+8675788887777", "+862866665555", "+12125550100"


def number(e164: str, **more: object) -> Number:
    return Number(number=e164, flow_id="f", flow_version=1, **{"all_agents": True, **more})  # type: ignore[arg-type]


def choose(
    numbers: list[Number],
    callee: str = TO_SHENZHEN,
    policy: CallerIdPolicy = CallerIdPolicy.REGION,
    wish: str = "",
    draw: int = 0,
) -> Choice:
    return choose_caller_id(ANN, TABLE.home_of(callee), numbers, policy, wish, TABLE.home_of, lambda n: draw % n)


@pytest.mark.feature("F146")
@pytest.mark.parametrize(
    ("allowed", "may"),
    [
        ({"all_agents": True}, True),
        ({"all_agents": False}, False),
        ({"all_agents": False, "allowed_agents": ("ann",)}, True),
        ({"all_agents": False, "allowed_agents": ("bob",)}, False),
        ({"all_agents": False, "allowed_groups": ("vip",)}, True),
        ({"all_agents": False, "allowed_groups": ("support",)}, False),
        ({"all_agents": False, "allowed_agents": ("bob",), "allowed_groups": ("sales",)}, True),
    ],
)
def test_a_number_is_shown_by_those_it_is_allowed_to_only(allowed: dict[str, object], may: bool) -> None:
    mine = number(BEIJING, **allowed)
    assert may_show(mine, ANN) is may
    other = number(SHANGHAI)
    for policy in CallerIdPolicy:
        if may:
            assert choose([mine, other], wish=BEIJING, policy=policy).number is mine
        else:
            with pytest.raises(Refusal, match="may not show") as refused:
                choose([mine, other], wish=BEIJING, policy=policy)
            assert (refused.value.reason, refused.value.field) == (Reason.FORBIDDEN, "caller_id")
            assert choose([mine, other], policy=policy).number is other, "and no rule picks it either"


@pytest.mark.feature("F143")
def test_a_choice_by_hand_goes_before_every_rule() -> None:
    numbers = [number(SHENZHEN, outbound_groups=("sales",)), number(BEIJING)]
    for policy in CallerIdPolicy:
        chosen = choose(numbers, wish=BEIJING, policy=policy)
        assert (chosen.number.number, chosen.by, chosen.fitting) == (BEIJING, ChosenBy.HAND, (BEIJING,))
        assert chosen.allowed == (SHENZHEN, BEIJING)
    with pytest.raises(Refusal):
        choose(numbers, wish="+861099999999")


def test_where_the_choice_is_the_agents_they_have_to_make_it() -> None:
    with pytest.raises(Refusal, match="has to be chosen") as refused:
        choose([number(SHENZHEN), number(BEIJING)], policy=CallerIdPolicy.BY_HAND)
    assert (refused.value.reason, refused.value.field) == (Reason.INVALID, "caller_id")
    assert choose([number(BEIJING)], policy=CallerIdPolicy.BY_HAND).number.number == BEIJING, "one alone needs no choice"
    with pytest.raises(Refusal, match="no number"):
        choose([number(BEIJING, all_agents=False)])


GUANGDONG_400 = number(HOTLINE, region=Region(province="Guangdong"))
SHENZHEN_400 = number(HOTLINE, region=Region(province="guangdong", city="shenzhen"))


@pytest.mark.feature("F144")
@pytest.mark.parametrize(
    ("callee", "numbers", "by", "fitting"),
    [
        (TO_SHENZHEN, [number(BEIJING), number(GUANGZHOU), number(SHENZHEN)], ChosenBy.CITY, (SHENZHEN,)),
        (TO_SHENZHEN, [number(BEIJING), number(GUANGZHOU)], ChosenBy.PROVINCE, (GUANGZHOU,)),
        (TO_FOSHAN, [number(BEIJING), number(GUANGZHOU), number(SHENZHEN)], ChosenBy.PROVINCE, (GUANGZHOU, SHENZHEN)),
        (TO_SHENZHEN, [number(BEIJING), number(SHANGHAI)], ChosenBy.RANDOM, (BEIJING, SHANGHAI)),
        (ABROAD, [number(BEIJING), number(SHENZHEN)], ChosenBy.RANDOM, (BEIJING, SHENZHEN)),
        (TO_SHENZHEN, [number(BEIJING), SHENZHEN_400], ChosenBy.CITY, (HOTLINE,)),
        (TO_SHENZHEN, [number(BEIJING), GUANGDONG_400], ChosenBy.PROVINCE, (HOTLINE,)),
        (TO_SHENZHEN, [number(BEIJING), number(HOTLINE)], ChosenBy.RANDOM, (BEIJING, HOTLINE)),
        (TO_SHENZHEN, [number(SHENZHEN, region=Region(province="Beijing")), number(GUANGZHOU)], ChosenBy.PROVINCE, (GUANGZHOU,)),
        (TO_CHENGDU, [number(BEIJING), number("+862811110000")], ChosenBy.CITY, ("+862811110000",)),
        ("+8613910757777", [number(SHANGHAI), number(BEIJING)], ChosenBy.CITY, (BEIJING,)),
    ],
    ids=[
        *("city before province", "province", "several in the province", "no near one", "abroad", "told city", "told province"),
        *("a hotline is nowhere", "what is told goes before digits", "shared area code", "a mobile's home"),
    ],
)
def test_by_region_the_nearest_is_shown(callee: str, numbers: list[Number], by: ChosenBy, fitting: tuple[str, ...]) -> None:
    for draw in range(len(fitting)):
        chosen = choose(numbers, callee, draw=draw)
        assert (chosen.by, chosen.fitting, chosen.number.number) == (by, fitting, fitting[draw])


@pytest.mark.feature("F145")
def test_by_group_a_number_of_the_agents_group_is_shown_else_any() -> None:
    theirs, others = number(BEIJING, outbound_groups=("support", "sales")), number(SHENZHEN, outbound_groups=("support",))
    chosen = choose([others, theirs], policy=CallerIdPolicy.GROUP)
    assert (chosen.number, chosen.by, chosen.fitting) == (theirs, ChosenBy.GROUP, (BEIJING,))
    for draw, expected in ((0, others), (1, number(SHANGHAI))):
        chosen = choose([others, number(SHANGHAI)], policy=CallerIdPolicy.GROUP, draw=draw)
        assert (chosen.number, chosen.by) == (expected, ChosenBy.RANDOM)
    forbidden = number(BEIJING, outbound_groups=("sales",), all_agents=False)
    assert choose([forbidden, others], policy=CallerIdPolicy.GROUP).number is others, "a link is no permission (F146)"


def test_marked_numbers_are_shown_on_mobiles_and_to_outside_parties_of_transfers() -> None:
    numbers = [number(BEIJING), number(SHANGHAI, prefer_for_mobile_leg=True), number(SHENZHEN, transfer_out=True)]
    mobile = choose_marked(numbers, ChosenBy.MOBILE_LEG, lambda _: 0)
    outside = choose_marked(numbers, ChosenBy.TRANSFER_OUT, lambda _: 0)
    assert mobile is not None
    assert outside is not None
    assert (mobile.number.number, outside.number.number) == (SHANGHAI, SHENZHEN)
    assert choose_marked(numbers[:1], ChosenBy.MOBILE_LEG, lambda _: 0) is None
    assert choose_any(numbers[:2], lambda _: 1).number.number == SHANGHAI
