"""From manifest to changes: what is created, what follows, and what is refused with the field named."""

from pathlib import Path

import msgspec
import pytest

from callstream.contracts.config import Agent, AudioFile, Document, SkillGroup, Workplace
from callstream.contracts.flow import End, Flow, Start
from callstream.contracts.lines import Number, Trunk
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.deletion import check_deletion, unlinked
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.manifest import Manifest
from callstream_console.domain.plan import plan
from callstream_console.domain.workplaces import extension_at

TRANSFER = {
    "id": "hotline",
    "name": "Hotline",
    "nodes": [
        {"kind": "start", "id": "start", "next": "ask"},
        {
            "kind": "branch",
            "id": "ask",
            "prompts": [{"kind": "tts", "text": "1 for sales"}],
            "choices": [{"key": "1", "name": "sales", "next": "agent"}],
        },
        {"kind": "transfer-to-agent", "id": "agent", "group_id": "sales", "failed": "end"},
        {"kind": "end", "id": "end"},
    ],
}
WHOLE = {
    "groups": [{"id": "sales", "name": "Sales"}],
    "trunks": [{"id": "carrier", "peers": ["127.0.0.1"]}],
    "agents": [
        {
            "id": "1001",
            "name": "Ann",
            "email": "ann@example.com",
            "phone": {"user": "1001", "password": "secret"},
            "groups": ["sales"],
        }
    ],
    "flows": [TRANSFER],
    "numbers": [{"number": "+861055501234", "flow": "hotline", "trunks": ["carrier"]}],
}


def manifest(**parts: object) -> Manifest:
    return msgspec.convert(parts, Manifest)


def after(holdings: Holdings, **parts: object) -> Holdings:
    changes = plan(holdings, manifest(**parts))
    return Holdings(documents=holdings.documents | {(c.after.KIND, c.after.key_id): c.after for c in changes})


def names(documents: list[Document]) -> list[str]:
    return [f"{d.KIND}/{d.key_id}" for d in documents]


def test_a_whole_manifest_creates_its_objects_in_an_order_without_dangling_references() -> None:
    changes = plan(Holdings(), manifest(**WHOLE))
    assert names([c.after for c in changes]) == [
        "group/sales",
        "trunk/carrier",
        "agent/1001",
        "flow/hotline.1",
        "number/861055501234",
    ]
    assert all(c.before is None for c in changes)


def test_the_same_manifest_twice_changes_nothing() -> None:
    assert plan(after(Holdings(), **WHOLE), manifest(**WHOLE)) == []


def test_a_changed_flow_becomes_a_new_version_and_its_numbers_follow_while_the_old_version_stays() -> None:
    holdings = after(Holdings(), **WHOLE)
    changed = TRANSFER | {"name": "Hotline 2"}
    holdings = after(holdings, flows=[changed])
    number = holdings.documents["number", "861055501234"]
    assert isinstance(number, Number)
    assert number.flow_version == 2
    assert number.trunks == ("carrier",)
    assert {"hotline.1", "hotline.2"} <= {key for kind, key in holdings.documents if kind == "flow"}


@pytest.mark.feature("F115")
def test_one_flow_serves_many_numbers_and_a_number_has_one_flow() -> None:
    holdings = after(Holdings(), **WHOLE)
    holdings = after(holdings, numbers=[{"number": "+861055501235", "flow": "hotline"}])
    flows = {n.number: n.flow_id for n in holdings.of(Number) if isinstance(n, Number)}
    assert flows == {"+861055501234": "hotline", "+861055501235": "hotline"}
    twice = [{"number": "+861055501236", "flow": "hotline"}] * 2
    with pytest.raises(Refusal, match=r"numbers\[1\].number"):
        plan(holdings, manifest(numbers=twice))


REFUSED = [
    ("unknown group of an agent", {"agents": [WHOLE["agents"][0]]}, "agents[0].groups[0]", Reason.UNKNOWN_GROUP),
    ("unknown flow of a number", {"numbers": [{"number": "+8610", "flow": "none"}]}, "numbers[0].flow", Reason.UNKNOWN_FLOW),
    ("unknown group of a flow", {"flows": [TRANSFER]}, "flows[hotline].nodes[agent].group_id", Reason.UNKNOWN_GROUP),
    (
        "unknown audio",
        {
            "flows": [
                {
                    "id": "f",
                    "name": "f",
                    "nodes": [
                        {"kind": "start", "id": "s", "next": "p"},
                        {"kind": "play", "id": "p", "prompts": [{"kind": "audio", "audio_id": "welcome"}], "next": "e"},
                        {"kind": "end", "id": "e"},
                    ],
                }
            ]
        },
        "flows[f].nodes[p].prompts[0]",
        Reason.INVALID,
    ),
    (
        "a graph that leads nowhere",
        {"flows": [{"id": "f", "name": "f", "nodes": [{"kind": "start", "id": "s", "next": "gone"}]}]},
        "flows[0].nodes[s].next",
        Reason.INVALID,
    ),
    (
        "a group twice",
        {"groups": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]},
        "groups[1].id",
        Reason.CONFLICT,
    ),
    (
        "two groups of one name",
        {"groups": [{"id": "a", "name": "A"}, {"id": "b", "name": "A"}]},
        "groups[1].name",
        Reason.CONFLICT,
    ),
    (
        "an unknown group among several",
        {
            "groups": WHOLE["groups"],
            "flows": [
                TRANSFER | {"nodes": [n | {"also_groups": ["gone"]} if n["id"] == "agent" else n for n in TRANSFER["nodes"]]}
            ],
        },
        "flows[hotline].nodes[agent].also_groups[0]",
        Reason.UNKNOWN_GROUP,
    ),
    (
        "an unknown preferred agent",
        {
            "groups": WHOLE["groups"],
            "flows": [
                TRANSFER | {"nodes": [n | {"preferred_agent": "9"} if n["id"] == "agent" else n for n in TRANSFER["nodes"]]}
            ],
        },
        "flows[hotline].nodes[agent].preferred_agent",
        Reason.UNKNOWN_AGENT,
    ),
    (
        "a step that asks for more",
        {
            "groups": WHOLE["groups"],
            "flows": [
                TRANSFER
                | {
                    "nodes": [
                        n | {"skills": {"billing": 2}, "relax": [{"after_s": 10, "skills": {"billing": 3}}]}
                        if n["id"] == "agent"
                        else n
                        for n in TRANSFER["nodes"]
                    ]
                }
            ],
        },
        "flows[0].nodes[agent].relax[0].skills",
        Reason.INVALID,
    ),
    (
        "overflow into nothing",
        {"groups": [{"id": "a", "name": "A", "overflow": ["b"]}]},
        "groups[0].overflow[0]",
        Reason.UNKNOWN_GROUP,
    ),
    (
        "overflow into itself",
        {"groups": [{"id": "a", "name": "A", "overflow": ["a"]}]},
        "groups[0].overflow[0]",
        Reason.CONFLICT,
    ),
    (
        "unknown group of a customer type",
        {"customer_types": [{"id": "vip", "name": "VIP", "level": 9, "groups": ["gone"]}]},
        "customer_types[0].groups[0]",
        Reason.UNKNOWN_GROUP,
    ),
    (
        "unknown type of a customer",
        {"customers": [{"number": "+8613900000001", "type": "vip"}]},
        "customers[0].type",
        Reason.INVALID,
    ),
    (
        "a number blocked twice",
        {"blocked": [{"number": "+8613900000001"}, {"number": "+8613900000001"}]},
        "blocked[1].number",
        Reason.CONFLICT,
    ),
    (
        "a priority in a group that the agent is not in",
        {"groups": WHOLE["groups"], "agents": [WHOLE["agents"][0] | {"priorities": {"support": 1}}]},
        "agents[0].priorities.support",
        Reason.UNKNOWN_GROUP,
    ),
    (
        "unknown trunk of a number",
        {**WHOLE, "trunks": []},
        "numbers[0].trunks[0]",
        Reason.INVALID,
    ),
]


@pytest.mark.parametrize(("story", "parts", "field", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_names_the_field(story: str, parts: dict[str, object], field: str, reason: Reason) -> None:
    with pytest.raises(Refusal) as refused:
        plan(Holdings(), manifest(**parts))
    assert (refused.value.field, refused.value.reason) == (field, reason)


def test_a_phone_belongs_to_one_agent() -> None:
    holdings = after(Holdings(), **WHOLE)
    thief = {"id": "1002", "name": "Bob", "email": "bob@example.com", "phone": {"user": "1001", "password": "other"}}
    with pytest.raises(Refusal, match=r"agents\[0\].phone.user"):
        plan(holdings, manifest(agents=[thief]))


@pytest.mark.parametrize("name", ["", "二" * 21, "x" * 21])
def test_a_group_name_has_one_to_twenty_characters_and_full_width_counts_one(name: str) -> None:
    assert manifest(groups=[{"id": "a", "name": "二" * 20}]).groups[0].name == "二" * 20
    with pytest.raises(msgspec.ValidationError, match=r"groups\[0\].name"):
        manifest(groups=[{"id": "a", "name": name}])
    with pytest.raises(msgspec.ValidationError, match="concurrency"):
        manifest(groups=[{"id": "a", "name": "A", "concurrency": 2}])


@pytest.mark.feature("F177")
@pytest.mark.parametrize("field", ["ring_timeout_s", "wrap_up_s"])
@pytest.mark.parametrize("value", [0, 91, 1.5, "30", -1])
def test_timers_of_the_service_settings_are_whole_seconds_from_1_to_90(field: str, value: object) -> None:
    for good in (1, 90):
        settings = manifest(settings={field: good}).settings
        assert getattr(settings, field) == good
    with pytest.raises(msgspec.ValidationError, match=rf"settings\.{field}"):
        manifest(settings={field: value})


@pytest.mark.feature("F177")
@pytest.mark.parametrize("where", ["settings", "groups[0]"])
@pytest.mark.parametrize("rank_by", [["loudest"], ["fewest-calls", "fewest-calls"], "longest-idle"])
def test_the_distribution_rule_is_a_list_of_known_criteria_each_once(where: str, rank_by: object) -> None:
    def given(value: object) -> dict[str, object]:
        return (
            {"settings": {"rank_by": value}} if where == "settings" else {"groups": [{"id": "a", "name": "A", "rank_by": value}]}
        )

    manifest(**given(["fewest-calls", "agent-priority"]))
    with pytest.raises(msgspec.ValidationError, match="rank_by"):
        manifest(**given(rank_by))


@pytest.mark.feature("F158")
@pytest.mark.parametrize(
    ("field", "value"), [("priorities", {"sales": 0}), ("priorities", {"sales": 6}), ("level", 10), ("skills", {"x": 6})]
)
def test_priorities_levels_and_skills_have_bounds(field: str, value: object) -> None:
    agent = WHOLE["agents"][0] | {"priorities": {"sales": 5}, "level": 9, "skills": {"billing": 5}}
    document = manifest(agents=[agent]).agents[0].document()
    assert (document.priorities, document.level, document.skills) == ({"sales": 5}, 9, {"billing": 5})
    with pytest.raises(msgspec.ValidationError, match=field):
        manifest(agents=[agent | {field: value}])


@pytest.mark.feature("F136")
@pytest.mark.parametrize(
    ("field", "value"), [("max_waiting", 10_001), ("max_wait_s", -1), ("level", 10), ("service_level", {"share": 1.5})]
)
def test_limits_of_a_queue_have_bounds(field: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        manifest(groups=[{"id": "a", "name": "A", field: value}])


@pytest.mark.feature("F124", "F270")
def test_customers_types_and_blacklist_are_documents_and_a_used_type_stays() -> None:
    holdings = after(
        Holdings(),
        groups=WHOLE["groups"],
        customer_types=[{"id": "vip", "name": "VIP", "level": 9, "groups": ["sales"]}],
        customers=[{"number": "+8613900000001", "type": "vip"}],
        blocked=[{"number": "+8613900000002", "reason": "threats"}],
    )
    assert {("customer-type", "vip"), ("customer", "8613900000001"), ("blocked", "8613900000002")} <= holdings.documents.keys()
    for kind, key, user in (("customer-type", "vip", r"customer \+8613900000001"), ("group", "sales", "customer type vip")):
        with pytest.raises(Refusal, match=user):
            check_deletion(holdings, kind, key)
    check_deletion(holdings, "blocked", "8613900000002")


@pytest.mark.feature("F155")
def test_a_group_that_others_overflow_to_stays() -> None:
    holdings = after(Holdings(), groups=[{"id": "a", "name": "A", "overflow": ["b"]}, {"id": "b", "name": "B"}])
    with pytest.raises(Refusal, match="group a"):
        check_deletion(holdings, "group", "b")
    check_deletion(holdings, "group", "a")


@pytest.mark.feature("F155")
def test_a_group_that_a_flow_points_at_stays_and_a_free_one_leaves_its_agents_unlinked() -> None:
    holdings = after(Holdings(), **WHOLE)
    with pytest.raises(Refusal, match="flow hotline") as refused:
        check_deletion(holdings, "group", "sales")
    assert refused.value.reason is Reason.CONFLICT
    holdings.documents["group", "spare"] = SkillGroup(id="spare", name="Spare")
    ann = holdings.documents["agent", "1001"]
    assert isinstance(ann, Agent)
    holdings.documents["agent", "1001"] = msgspec.structs.replace(ann, groups=("sales", "spare"))
    check_deletion(holdings, "group", "spare")
    assert [(a.id, a.groups) for a in unlinked(holdings, "spare")] == [("1001", ("sales",))]


def test_flows_and_used_trunks_are_not_deleted() -> None:
    holdings = after(Holdings(), **WHOLE)
    for kind, key in (("flow", "hotline.1"), ("trunk", "carrier"), ("settings", "main")):
        with pytest.raises(Refusal):
            check_deletion(holdings, kind, key)
    holdings.documents["trunk", "spare"] = Trunk(id="spare", peers=("10.0.0.1",))
    check_deletion(holdings, "trunk", "spare")


def test_an_unused_version_of_a_flow_does_not_hold_a_group() -> None:
    holdings = after(Holdings(), **WHOLE)
    plain = Flow(id="hotline", name="Plain", version=2, nodes=(Start(id="s", next="e"), End(id="e")))
    holdings.documents["flow", "hotline.2"] = plain
    check_deletion(holdings, "group", "sales")


def test_the_example_of_the_documentation_is_accepted() -> None:
    page = Path(__file__).parents[3] / "docs" / "examples" / "hotline.yaml"
    changes = plan(Holdings(), msgspec.yaml.decode(page.read_bytes(), type=Manifest))
    assert names([c.after for c in changes])[-1] == "number/861055501234"


def test_a_groups_name_is_unique_in_its_tenant_and_may_be_swapped_in_one_manifest() -> None:
    holdings = after(Holdings(), groups=[{"id": "a", "name": "Sales"}, {"id": "b", "name": "Support"}])
    with pytest.raises(Refusal, match=r"groups\[0\].name") as refused:
        plan(holdings, manifest(groups=[{"id": "c", "name": "Sales"}]))
    assert refused.value.reason is Reason.CONFLICT
    swapped = manifest(groups=[{"id": "a", "name": "Support"}, {"id": "b", "name": "Sales"}])
    assert names([c.after for c in plan(holdings, swapped)]) == ["group/a", "group/b"]


CARD = {"id": "card", "name": "Card number", "min_digits": 12, "max_digits": 19, "sensitive": True}
SPOKEN = [{"kind": "audio", "audio_id": "please"}]


def test_a_template_of_what_customers_key_in_is_a_document() -> None:
    holdings = after(Holdings(), collect_templates=[CARD])
    assert names(list(holdings.documents.values())) == ["collect-template/card"]
    assert plan(holdings, manifest(collect_templates=[CARD])) == []
    with pytest.raises(Refusal) as twice:
        plan(Holdings(), manifest(collect_templates=[CARD, CARD]))
    assert twice.value.field == "collect_templates[1].id"
    with pytest.raises(msgspec.ValidationError, match="min_digits"):
        manifest(collect_templates=[{**CARD, "min_digits": 20}])


@pytest.mark.parametrize(
    ("parts", "field", "user"),
    [
        ({"collect_templates": [{**CARD, "prompts": SPOKEN}]}, "collect_templates[0].prompts[0]", "template card"),
        ({"settings": {"transfer_prompts": SPOKEN}}, "settings.transfer_prompts[0]", "settings"),
        ({"settings": {"stopped_prompts": SPOKEN}}, "settings.stopped_prompts[0]", "settings"),
        ({"settings": {"hold_music": SPOKEN}}, "settings.hold_music[0]", "settings"),
        ({"settings": {"survey": {"prompts": SPOKEN}}}, "settings.survey.prompts[0]", "settings"),
    ],
)
def test_sounds_outside_flows_must_exist_and_stay(parts: dict[str, object], field: str, user: str) -> None:
    with pytest.raises(Refusal) as unknown:
        plan(Holdings(), manifest(**parts))
    assert (unknown.value.field, unknown.value.message) == (field, "no such audio: 'please'")
    please = AudioFile(id="please", name="Please", path="p.wav", sha256="0" * 64)
    holdings = after(Holdings(documents={(please.KIND, please.id): please}), **parts)
    with pytest.raises(Refusal, match=user) as used:
        check_deletion(holdings, "audio", "please")
    assert used.value.reason is Reason.CONFLICT


def test_an_agents_phone_may_answer_by_itself() -> None:
    agent = {**WHOLE["agents"][0], "auto_answer": True}  # type: ignore[dict-item]
    holdings = after(Holdings(), groups=WHOLE["groups"], agents=[agent])
    found = holdings.documents["agent", "1001"]
    assert isinstance(found, Agent)
    assert found.auto_answer


DESK = {"id": "desk-1", "networks": ["10.0.0.7", "fd00::/8"], "phone": {"user": "9001", "password": "secret"}}


def test_a_workplace_is_found_by_the_narrowest_network() -> None:
    room = {"id": "room", "networks": ["10.0.0.0/24"], "phone": {"user": "9002", "password": "secret"}}
    holdings = after(Holdings(), workplaces=[DESK, room])
    assert [(d.key_id, getattr(d, "sip_user", "")) for d in holdings.of(Workplace)] == [("desk-1", "9001"), ("room", "9002")]
    for address, phone in (
        ("10.0.0.7", "9001"),
        ("10.0.0.8", "9002"),
        ("::ffff:10.0.0.7", "9001"),
        ("fd00::1", "9001"),
        ("10.0.1.1", ""),
        ("somewhere", ""),
    ):
        assert extension_at(holdings, address) == phone


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"workplaces": [{**DESK, "networks": ["10.0.0.300"]}]}, "workplaces[0].networks"),
        ({"workplaces": [{**DESK, "networks": []}]}, "workplaces[0].networks"),
        ({"workplaces": [DESK, DESK]}, "workplaces[1].id"),
        ({"workplaces": [DESK, {**DESK, "id": "desk-2"}]}, "workplaces[0].phone.user"),
        (
            {"groups": WHOLE["groups"], "agents": WHOLE["agents"], "workplaces": [{**DESK, "phone": {"user": "1001"}}]},
            "agents[0].phone.user",
        ),
    ],
)
def test_a_workplace_that_does_not_fit(parts: dict[str, object], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        plan(Holdings(), manifest(**parts))
    assert refused.value.field == field
