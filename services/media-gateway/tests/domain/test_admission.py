"""Who may bring a call, and which number it is for."""

import pytest

from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import NumberReading, NumberStyle, Outgoing, TrunkRegistration
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.admission import Admitted, Peers, admit
from callstream_media_gateway.domain.number_format import caller as caller_of
from callstream_media_gateway.domain.numbers import readings

TRUNK = Trunk(id="sh", peers=("192.0.2.0/28", "2001:db8::7"), country="CN", max_calls=2)
BRITISH = Trunk(id="uk", peers=("192.0.2.1",), country="GB")
NUMBERS = {
    ("acme", "+862166668888"): Number(number="+862166668888", flow_id="f", flow_version=1),
    ("acme", "+8695555"): Number(number="+8695555", flow_id="f", flow_version=1),
    ("beta", "+442079460000"): Number(number="+442079460000", flow_id="f", flow_version=1),
    ("acme", "+862100000000"): Number(number="+862100000000", flow_id="f", flow_version=1, trunks=("other",)),
}


@pytest.mark.parametrize(
    ("address", "trunks"),
    [
        ("192.0.2.1", ["sh", "uk"]),
        ("192.0.2.9", ["sh"]),
        ("192.0.2.16", []),
        ("2001:db8::7", ["sh"]),
        ("2001:db8::8", []),
        ("not an address", []),
    ],
)
@pytest.mark.feature("F175")
def test_calls_come_from_configured_networks_only(address: str, trunks: list[str]) -> None:
    peers = Peers([("acme", TRUNK), ("beta", BRITISH)])
    for _ in range(2):
        assert [trunk.id for _, trunk in peers.of(address)] == trunks


def test_a_peer_that_is_no_address_is_told_and_stops_nobody_else() -> None:
    peers = Peers([("acme", Trunk(id="bad", peers=("sbc.example", "192.0.2.3")))])
    assert peers.unusable == [("acme", "bad", "sbc.example")]
    assert peers.of("192.0.2.3")


@pytest.mark.parametrize(
    ("dialled", "country", "means"),
    [
        ("02166668888", "CN", "+862166668888"),
        ("+862166668888", "CN", "+862166668888"),
        ("008602166668888", "GB", "+862166668888"),
        ("862166668888", "GB", "+862166668888"),
        ("+862166668888;phone-context=x", "CN", "+862166668888"),
        ("95555", "CN", "+8695555"),
        ("4008001234", "CN", "+864008001234"),
        ("020 7946 0000", "GB", "+442079460000"),
    ],
)
def test_a_number_is_read_as_its_trunk_writes_it(dialled: str, country: str, means: str) -> None:
    assert means in readings(dialled, country)


@pytest.mark.parametrize("dialled", ["", "alice", "+", "++", ";;", "*" * 40, "\u0661\u0662"])
def test_what_is_no_number_has_no_reading_or_one_that_nobody_owns(dialled: str) -> None:
    assert all(("acme", reading) not in NUMBERS for reading in readings(dialled, "CN"))


@pytest.mark.parametrize(
    ("user", "country", "caller"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("02011112222", "CN", "+862011112222"),
        ("+14155550100", "CN", "+14155550100"),
        ("Anonymous", "CN", ""),
        ("", "CN", ""),
        ("1001", "CN", "1001"),
        ("alice", "CN", "alice"),
    ],
)
def test_a_caller_is_e164_or_as_given(user: str, country: str, caller: str) -> None:
    assert caller_of(user, NumberReading(), country) == caller


def number_of(tenant: str, e164: str) -> Number | None:
    return NUMBERS.get((tenant, e164))


ADMISSIONS = [
    ("known", [("acme", TRUNK)], "02166668888", 0, Admitted("acme", "sh", "+862166668888", "+8613800138000")),
    ("stranger", [], "02166668888", 0, Reason.UNKNOWN_PEER),
    ("unknown number", [("acme", TRUNK)], "02166660000", 0, Reason.UNKNOWN_NUMBER),
    ("no number", [("acme", TRUNK)], "operator", 0, Reason.UNKNOWN_NUMBER),
    ("another tenant's number", [("acme", TRUNK)], "+442079460000", 0, Reason.UNKNOWN_NUMBER),
    ("not through this trunk", [("acme", TRUNK)], "02100000000", 0, Reason.UNKNOWN_NUMBER),
    ("full", [("acme", TRUNK)], "02166668888", 2, Reason.UNAVAILABLE),
    (
        "one address, two tenants",
        [("acme", TRUNK), ("beta", BRITISH)],
        "02079460000",
        0,
        Admitted("beta", "uk", "+442079460000", "+8613800138000"),
    ),
]


@pytest.mark.feature("F175")
@pytest.mark.parametrize(("_name", "trunks", "called", "busy", "expected"), ADMISSIONS, ids=[row[0] for row in ADMISSIONS])
def test_admission(_name: str, trunks: list[tuple[str, Trunk]], called: str, busy: int, expected: Admitted | Reason) -> None:
    result = admit(tuple(trunks), called, "", "+8613800138000", number_of, lambda _, trunk: busy >= trunk.max_calls)
    assert result == expected


ACCOUNT = Trunk(
    id="itsp",
    outgoing=Outgoing(host="192.0.2.77"),
    registration=TrunkRegistration(user="acc7", realm="itsp"),
    called=NumberReading(style=NumberStyle.DIGITS, prefix="00"),
)


@pytest.mark.parametrize(
    ("request_user", "to_user", "called"),
    [
        ("acc7", "862166668888", "+862166668888"),
        ("acc7", "00862166668888", "+862166668888"),
        ("862166668888", "somebody", "+862166668888"),
        ("acc7", "acc7", Reason.UNKNOWN_NUMBER),
    ],
)
def test_an_account_gets_the_number_in_the_to_header(request_user: str, to_user: str, called: str | Reason) -> None:
    result = admit((("acme", ACCOUNT),), request_user, to_user, "13800138000", number_of, lambda *_: False)
    assert (result if isinstance(result, Reason) else result.called) == called


def test_a_registrar_may_bring_calls_without_being_named_again() -> None:
    peers = Peers([("acme", ACCOUNT), ("beta", Trunk(id="out", outgoing=Outgoing(host="192.0.2.78")))])
    assert [trunk.id for _, trunk in peers.of("192.0.2.77")] == ["itsp"]
    assert peers.of("192.0.2.78") == (), "a trunk that only takes calls brings none"
    assert peers.unusable == []
