"""Flow documents: what is accepted, and refusals that name node and field."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callstream.contracts.flow import Flow, InvalidFlow, Problem, check, kind_of, read_flow

GOOD: dict[str, Any] = {
    "id": "main",
    "name": "Hotline",
    "nodes": [
        {"kind": "start", "id": "start", "next": "welcome"},
        {"kind": "play", "id": "welcome", "prompts": [{"kind": "tts", "text": "Welcome."}], "next": "menu"},
        {
            "kind": "branch",
            "id": "menu",
            "prompts": [{"kind": "tts", "text": "Sales 1, star to hear it again."}],
            "choices": [{"key": "1", "name": "Sales", "next": "sales"}, {"key": "*", "name": "Again", "next": "welcome"}],
        },
        {
            "kind": "transfer-to-agent",
            "id": "sales",
            "group_id": "sales",
            "failed": "bye",
            "queue_prompts": [{"kind": "tts", "text": "${WaitNo} before you."}, {"kind": "audio", "audio_id": "music"}],
            "connect_prompts": [{"kind": "tts", "text": "Agent ${StaffNo}."}],
        },
        {"kind": "end", "id": "bye"},
    ],
}
START, WELCOME, MENU, SALES, BYE = range(5)


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with the value at `nodes.2.choices.0.key` replaced; None takes it away."""
    document = deepcopy(GOOD)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return document


@pytest.mark.feature("F071", "F103", "F110")
def test_a_good_flow_is_read() -> None:
    flow = read_flow(GOOD)
    assert isinstance(flow, Flow)
    assert [kind_of(node) for node in flow.nodes] == ["start", "play", "branch", "transfer-to-agent", "end"]
    assert flow.key_id == "main.1"


REFUSALS: dict[str, tuple[str, Any, str, str, str]] = {
    # path, value, node, field, words of the message
    "no name": ("name", None, "", "", "`name`"),
    "no nodes": ("nodes", [], "", "nodes", "length"),
    "id with a dot": ("id", "a.b", "", "id", "matching"),
    "unknown kind": ("nodes.1.kind", "jingle", "welcome", "kind", "jingle"),
    "unknown field": ("nodes.1.loud", True, "welcome", "", "`loud`"),
    "no prompt": ("nodes.1.prompts", [], "welcome", "prompts", "length"),
    "prompt without text": ("nodes.1.prompts.0.text", "", "welcome", "prompts[0].text", "length"),
    "repeat 0": ("nodes.1.repeat", 0, "welcome", "repeat", ">= 1"),
    "repeat 11": ("nodes.1.repeat", 11, "welcome", "repeat", "<= 10"),
    "no choices": ("nodes.2.choices", [], "menu", "choices", "length"),
    "two digits for a key": ("nodes.2.choices.0.key", "12", "menu", "choices[0].key", "regex"),
    "timeout 0": ("nodes.2.timeout_s", 0, "menu", "timeout_s", ">= 1"),
    "timeout 61": ("nodes.2.timeout_s", 61, "menu", "timeout_s", "<= 60"),
    "max errors -1": ("nodes.2.max_errors", -1, "menu", "max_errors", ">= 0"),
    "priority 10": ("nodes.3.priority", 10, "sales", "priority", "<= 9"),
    "transfer without a group": ("nodes.3.group_id", None, "sales", "", "`group_id`"),
    "transfer without its failed exit": ("nodes.3.failed", None, "sales", "", "`failed`"),
    "no Start": ("nodes.0", {"kind": "end", "id": "start"}, "", "nodes", "one Start node is needed, found 0"),
    "two Starts": ("nodes.5", {"kind": "start", "id": "again", "next": "menu"}, "again", "nodes", "found 2"),
    "an id twice": ("nodes.4.id", "menu", "menu", "id", "another node has this id"),
    "play leads nowhere": ("nodes.1.next", "gone", "welcome", "next", "leads to no node: 'gone'"),
    "choice leads nowhere": ("nodes.2.choices.1.next", "gone", "menu", "choices[1].next", "'gone'"),
    "failed leads nowhere": ("nodes.3.failed", "gone", "sales", "failed", "'gone'"),
    "a key twice": ("nodes.2.choices.1.key", "1", "menu", "choices[1].key", "key '1' stands twice"),
    "a node nobody reaches": ("nodes.5", {"kind": "end", "id": "lost"}, "lost", "id", "cannot be reached from Start"),
    "a circle without an end": ("nodes.3.failed", "sales", "start", "next", "no path from here reaches an End node"),
    "${StaffNo} before the connect": ("nodes.1.prompts.0.text", "I am ${StaffNo}.", "welcome", "prompts[0].text", "'${StaffNo}'"),
    "${WaitNo} in a menu": ("nodes.2.prompts.0.text", "${WaitNo} ahead.", "menu", "prompts[0].text", "'${WaitNo}'"),
    "${StaffNo} in the queue": ("nodes.3.queue_prompts.0.text", "${StaffNo}", "sales", "queue_prompts[0].text", "'${StaffNo}'"),
    "${WaitNo} at the connect": (
        "nodes.3.connect_prompts.0.text",
        "${WaitNo}",
        "sales",
        "connect_prompts[0].text",
        "'${WaitNo}'",
    ),
    "${Weather} in the queue": ("nodes.3.queue_prompts.0.text", "${Weather}", "sales", "queue_prompts[0].text", "'${Weather}'"),
}


@pytest.mark.feature("F071", "F072", "F073", "F077", "F079", "F080", "F082", "F085", "F103", "F110")
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_node_and_field(name: str) -> None:
    path, value, node, field, words = REFUSALS[name]
    with pytest.raises(InvalidFlow) as refused:
        read_flow(changed(path, value))
    problem = refused.value.problems[0]
    assert (problem.node, problem.field) == (node, field)
    assert words in problem.message
    assert refused.value.field == ".".join(part for part in (node, field) if part)


STEP = {"after_s": 30, "skills": {"billing": 1}}
ROUTING_REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a group twice": ({"also_groups": ["sales"]}, "also_groups[0]", "stands twice"),
    "one of several twice": ({"also_groups": ["a", "b", "a"]}, "also_groups[2]", "stands twice"),
    "a skill that was not asked for before": ({"relax": [STEP]}, "relax[0].skills", "asks for more"),
    "a higher level": ({"skills": {"billing": 1}, "relax": [STEP | {"skills": {"billing": 2}}]}, "relax[0].skills", "more"),
    "a skill that was dropped": (
        {"skills": {"billing": 1}, "relax": [{"after_s": 5}, STEP]},
        "relax[1].skills",
        "asks for more",
    ),
    "a step that is not later": ({"skills": {"billing": 1}, "relax": [STEP, STEP]}, "relax[1].after_s", "greater than 30"),
    "a level that does not exist": ({"skills": {"billing": 6}}, "skills[...]", "<= 5"),
}


@pytest.mark.parametrize("name", ROUTING_REFUSALS)
def test_what_a_request_may_ask_of_its_agent(name: str) -> None:
    fields, field, words = ROUTING_REFUSALS[name]
    document = deepcopy(GOOD)
    document["nodes"][SALES] |= fields
    with pytest.raises(InvalidFlow) as refused:
        read_flow(document)
    problem = refused.value.problems[0]
    assert (problem.node, problem.field) == ("sales", field)
    assert words in problem.message


def test_demands_may_be_lowered_and_dropped_step_by_step() -> None:
    document = deepcopy(GOOD)
    document["nodes"][SALES] |= {
        "also_groups": ["support"],
        "skills": {"billing": 3, "french": 1},
        "relax": [{"after_s": 10, "skills": {"billing": 3}}, STEP, {"after_s": 60}],
        "preferred_agent": "1005",
    }
    assert read_flow(document)


@pytest.mark.parametrize("nonsense", [None, 5, "flow", [], {"nodes": 3}, {"id": "a", "name": "b", "nodes": [3, "x"]}])
def test_nonsense_is_refused_too(nonsense: object) -> None:
    with pytest.raises(InvalidFlow):
        read_flow(nonsense)


def test_the_example_of_the_documentation_is_a_flow() -> None:
    yaml = pytest.importorskip("yaml")
    page = (Path(__file__).parents[2] / "docs" / "flows.md").read_text()
    example = yaml.safe_load(page.split("```yaml")[1].split("```")[0])
    assert read_flow(example["flows"][0]).id == example["numbers"][0]["flow"]


@pytest.mark.feature("F110")
def test_all_faults_are_told_at_once() -> None:
    document = changed("nodes.1.next", "gone")
    document["nodes"][3]["failed"] = "away"
    flow_problems = _problems(document)
    assert [(problem.node, problem.field) for problem in flow_problems] == [("welcome", "next"), ("sales", "failed")]
    with pytest.raises(InvalidFlow, match="and 1 more"):
        read_flow(document)


def _problems(document: dict[str, Any]) -> list[Problem]:
    return check(msgspec.convert(document, Flow))
