"""Trunks that take calls, who may show which number, and the dial guard, in a manifest: what is kept, what is refused."""

from typing import Any

import msgspec
import pytest

from callstream.contracts.config import Document, Settings
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import NumberFormat, NumberStyle, Outgoing, Region, SipTransport, TrunkRegistration
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.deletion import check_deletion
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.manifest import Manifest
from callstream_console.domain.plan import plan

FLOW = {"id": "f", "name": "F", "nodes": [{"kind": "start", "id": "start", "next": "end"}, {"kind": "end", "id": "end"}]}
ANN = {
    "id": "ann",
    "name": "Ann",
    "email": "ann@example.com",
    "phone": {"user": "ann", "password": "secret"},
    "groups": ["sales"],
}
NUMBER = {
    "number": "+864001112222",
    "flow": "f",
    "trunks": ["carrier"],
    "allowed_agents": ["ann"],
    "allowed_groups": ["sales"],
    "outbound_groups": ["sales"],
    "region": {"province": "Guangdong", "city": "Shenzhen"},
    "prefer_for_mobile_leg": True,
    "transfer_out": True,
}
CARRIER = {
    "id": "carrier",
    "peers": ["192.0.2.0/24"],
    "called": {"prefix": "77"},
    "outgoing": {
        "host": "sbc.example.com",
        "transport": "tcp",
        "priority": 2,
        "called": {"style": "national", "prefix": "9"},
        "callers": ["+864001112222"],
    },
    "registration": {"user": "acc7", "realm": "itsp", "password": "secret"},
}
WHOLE: dict[str, Any] = {
    "settings": {"caller_id": "group", "dial_guard": {"rules": [{"groups": ["sales"], "countries": ["US"]}]}},
    "groups": [{"id": "sales", "name": "Sales"}],
    "agents": [ANN],
    "trunks": [CARRIER],
    "flows": [FLOW],
    "numbers": [NUMBER],
}


def documents(**parts: Any) -> dict[tuple[str, str], Document]:
    return {(c.after.KIND, c.after.key_id): c.after for c in plan(Holdings(), msgspec.convert(parts, Manifest))}


def test_what_is_told_is_published_and_the_password_is_not_a_part_of_it() -> None:
    made = documents(**WHOLE)
    assert made["trunk", "carrier"] == Trunk(
        id="carrier",
        peers=("192.0.2.0/24",),
        called=msgspec.convert({"prefix": "77"}, type(Trunk(id="x", peers=("::",)).called)),
        outgoing=Outgoing(
            host="sbc.example.com",
            transport=SipTransport.TCP,
            priority=2,
            called=NumberFormat(style=NumberStyle.NATIONAL, prefix="9"),
            callers=("+864001112222",),
        ),
        registration=TrunkRegistration(user="acc7", realm="itsp"),
    )
    assert b"secret" not in msgspec.json.encode(made["trunk", "carrier"])
    assert made["number", "864001112222"] == Number(
        number="+864001112222",
        flow_id="f",
        flow_version=1,
        trunks=("carrier",),
        allowed_agents=("ann",),
        allowed_groups=("sales",),
        outbound_groups=("sales",),
        region=Region(province="Guangdong", city="Shenzhen"),
        prefer_for_mobile_leg=True,
        transfer_out=True,
    )
    assert plan(Holdings(documents=made), msgspec.convert(WHOLE, Manifest)) == [], "twice changes nothing"


@pytest.mark.parametrize(
    ("parts", "field", "reason"),
    [
        ({"numbers": [NUMBER | {"allowed_agents": ["ann", "eve"]}]}, "numbers[0].allowed_agents[1]", Reason.UNKNOWN_AGENT),
        ({"numbers": [NUMBER | {"allowed_groups": ["none"]}]}, "numbers[0].allowed_groups[0]", Reason.UNKNOWN_GROUP),
        ({"numbers": [NUMBER | {"outbound_groups": ["none"]}]}, "numbers[0].outbound_groups[0]", Reason.UNKNOWN_GROUP),
        (
            {"trunks": [CARRIER | {"outgoing": {"host": "a", "callers": ["+8610"]}}]},
            "trunks[0].outgoing.callers[0]",
            Reason.UNKNOWN_NUMBER,
        ),
        (
            {"settings": {"dial_guard": {"rules": [{}, {"groups": ["none"]}]}}},
            "settings.dial_guard.rules[1].groups[0]",
            Reason.UNKNOWN_GROUP,
        ),
    ],
)
def test_what_refers_to_nothing_is_refused(parts: dict[str, Any], field: str, reason: Reason) -> None:
    with pytest.raises(Refusal) as refused:
        documents(**WHOLE | parts)
    assert (refused.value.field, refused.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        ({"id": "a"}, "addresses that bring calls, or `outgoing`"),
        ({"id": "a", "peers": ["1.2.3.4"], "registration": {"user": "u", "realm": "r"}}, "needs `outgoing`"),
        ({"id": "a", "peers": ["sbc.example.com"]}, "neither an IP address nor a network: 'sbc.example.com'"),
        ({"id": "a", "outgoing": {"host": "a b"}}, r"trunks\[0\].outgoing.host"),
        ({"id": "a", "outgoing": {"host": "a", "transport": "sctp"}}, r"trunks\[0\].outgoing.transport"),
        ({"id": "a", "outgoing": {"host": "a", "priority": 0}}, r"trunks\[0\].outgoing.priority"),
        ({"id": "a", "outgoing": {"host": "a", "called": {"prefix": "+1"}}}, r"trunks\[0\].outgoing.called.prefix"),
        ({"id": "a", "outgoing": {"host": "a", "ports": 1}}, "ports"),
        ({"id": "a", "outgoing": {"host": "a"}, "registration": {"user": "u@h", "realm": "r"}}, r"registration.user"),
        ({"id": "a", "outgoing": {"host": "a"}, "registration": {"user": "u"}}, "realm"),
    ],
)
def test_a_trunk_that_does_not_fit_together_is_refused_with_the_field(trunk: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"trunks": [trunk]}, Manifest)


@pytest.mark.parametrize(
    "guard",
    [{"rules": [{"countries": ["usa"]}]}, {"rules": [{"prefixes": ["1900"]}]}, {"emergency": "ask"}, {"agent_per_minute": -1}],
)
def test_a_guard_with_a_wrong_value_is_refused(guard: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"settings\.dial_guard"):
        msgspec.convert({"settings": {"dial_guard": guard}}, Manifest)


@pytest.mark.parametrize(
    ("kind", "key_id", "user"),
    [
        ("group", "sales", "number +864001112222, settings.dial_guard.rules[0]"),
        ("agent", "ann", "number +864001112222"),
        ("number", "864001112222", "trunk carrier"),
        ("trunk", "carrier", "number +864001112222"),
    ],
)
def test_what_is_referred_to_cannot_be_deleted(kind: str, key_id: str, user: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_deletion(Holdings(documents=documents(**WHOLE)), kind, key_id)
    assert (refused.value.reason, refused.value.message) == (Reason.CONFLICT, f"still used by {user}")


def test_settings_have_a_guard_and_a_policy_without_being_told() -> None:
    assert documents(settings={})["settings", "main"] == Settings()
    assert (Settings().country, Settings().caller_id) == ("CN", "region")
