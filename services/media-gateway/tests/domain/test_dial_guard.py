"""What agents may dial: what is typed, where it leads, and how often."""

import pytest

from callstream.contracts.outbound import DialGuard, DialRule, Emergency
from callstream.contracts.roles import Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.callee import Callee, CalleeKind, callee
from callstream_media_gateway.domain.dial_guard import WORDS, Dialler, Forbidden, Recent, may_dial, refusal

ANN = Dialler("ann", ("sales",))
BOSS = Dialler("boss", (), Role.SUPERVISOR)
NOBODY_YET = Recent()


@pytest.mark.parametrize(
    ("typed", "number", "country", "kind"),
    [
        ("021 6666-8888", "+862166668888", "CN", CalleeKind.NORMAL),
        ("13900000001", "+8613900000001", "CN", CalleeKind.NORMAL),
        ("+86 139 0000 0001", "+8613900000001", "CN", CalleeKind.NORMAL),
        ("008613900000001", "+8613900000001", "CN", CalleeKind.NORMAL),
        ("0012125550100", "+12125550100", "US", CalleeKind.NORMAL),
        ("４００１１１２２２２", "+864001112222", "CN", CalleeKind.NORMAL),
        ("10086", "10086", "CN", CalleeKind.NORMAL),
        ("95588", "95588", "CN", CalleeKind.NORMAL),
        ("110", "110", "CN", CalleeKind.EMERGENCY),
        ("120", "120", "CN", CalleeKind.EMERGENCY),
        ("16812345", "+8616812345", "CN", CalleeKind.PREMIUM),
        ("+449091234567", "+449091234567", "GB", CalleeKind.PREMIUM),
        ("+881612345678", "+881612345678", "001", CalleeKind.NORMAL),
    ],
)
def test_what_is_typed_is_read_as_a_number(typed: str, number: str, country: str, kind: CalleeKind) -> None:
    assert callee(typed, "CN") == Callee(number, country, kind)


@pytest.mark.parametrize("typed", ["", "abc", "1", "12", "+", "+8612", "02166668888021666688880216666", "sip:bob@example.com"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        callee(typed, "CN")
    assert (refused.value.reason, refused.value.field) == (Reason.INVALID, "number")


GUARD = DialGuard(
    rules=(
        DialRule(groups=("overseas",), countries=("US", "GB")),
        DialRule(roles=(Role.SUPERVISOR,), prefixes=("+852", "+881")),
        DialRule(groups=("support",), premium=True),
        DialRule(groups=("london",), countries=("GB",), premium=True),
    ),
    closed=("+8616812", "+1900"),
)
OVERSEAS, SUPPORT, LONDON = Dialler("o", ("sales", "overseas")), Dialler("s", ("support",)), Dialler("l", ("london",))


@pytest.mark.parametrize(
    ("dialler", "typed", "why"),
    [
        (ANN, "02166668888", None),
        (ANN, "10086", None),
        (ANN, "+12125550100", Forbidden.INTERNATIONAL),
        (OVERSEAS, "+12125550100", None),
        (OVERSEAS, "+442079460000", None),
        (OVERSEAS, "+85221234567", Forbidden.INTERNATIONAL),
        (BOSS, "+85221234567", None),
        (BOSS, "+12125550100", Forbidden.INTERNATIONAL),
        (ANN, "+881612345678", Forbidden.INTERNATIONAL),
        (BOSS, "+881612345678", None),
        (OVERSEAS, "+881612345678", Forbidden.INTERNATIONAL),
        (ANN, "16823456", Forbidden.PREMIUM),
        (SUPPORT, "16823456", None),
        (SUPPORT, "16812345", Forbidden.CLOSED),
        (OVERSEAS, "+449091234567", Forbidden.PREMIUM),
        (LONDON, "+449091234567", None),
        (LONDON, "16823456", Forbidden.PREMIUM),
        (OVERSEAS, "+19002345678", Forbidden.CLOSED),
    ],
)
def test_a_destination_is_open_to_those_of_a_rule(dialler: Dialler, typed: str, why: Forbidden | None) -> None:
    assert may_dial(GUARD, dialler, callee(typed, "CN"), "CN", NOBODY_YET) is why


def test_without_rules_the_own_country_is_open_and_nothing_else() -> None:
    for typed, why in (("13900000001", None), ("+12125550100", Forbidden.INTERNATIONAL), ("16823456", Forbidden.PREMIUM)):
        assert may_dial(DialGuard(), BOSS, callee(typed, "CN"), "CN", NOBODY_YET) is why
    assert may_dial(DialGuard(), BOSS, callee("+12125550100", "US"), "US", NOBODY_YET) is None, "the own country is the tenant's"


LIMITED = DialGuard(agent_per_minute=5, agent_at_once=2, tenant_per_minute=50, tenant_at_once=20)


@pytest.mark.parametrize(
    ("recent", "why"),
    [
        (Recent(1, 4, 19, 49), None),
        (Recent(2, 0, 2, 0), Forbidden.AGENT_AT_ONCE),
        (Recent(0, 5, 0, 5), Forbidden.AGENT_RATE),
        (Recent(0, 0, 20, 0), Forbidden.TENANT_AT_ONCE),
        (Recent(0, 0, 0, 50), Forbidden.TENANT_RATE),
    ],
)
def test_limits_stop_what_is_too_much_and_an_emergency_never(recent: Recent, why: Forbidden | None) -> None:
    assert may_dial(LIMITED, ANN, callee("02166668888", "CN"), "CN", recent) is why
    assert may_dial(LIMITED, ANN, callee("119", "CN"), "CN", recent) is None
    unlimited = DialGuard(agent_per_minute=0, agent_at_once=0, tenant_per_minute=0, tenant_at_once=0)
    assert may_dial(unlimited, ANN, callee("02166668888", "CN"), "CN", recent) is None


def test_emergency_numbers_may_be_closed_as_a_whole() -> None:
    refuse = DialGuard(emergency=Emergency.REFUSE)
    assert may_dial(refuse, ANN, callee("110", "CN"), "CN", NOBODY_YET) is Forbidden.EMERGENCY
    assert may_dial(refuse, ANN, callee("10086", "CN"), "CN", NOBODY_YET) is None


def test_every_refusal_says_why_and_names_the_number() -> None:
    for why in Forbidden:
        told = refusal(why)
        assert (told.field, told.message) == ("number", WORDS[why])
        assert told.reason is (Reason.AT_CAPACITY if "rate" in why or "at-once" in why else Reason.FORBIDDEN)
