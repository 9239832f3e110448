"""The registries, the subjects, and the published document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema

from callstream.contracts import asyncapi, subjects
from callstream.contracts.catalogue import COMMAND_TYPES, EVENT_TYPES, OWNERS
from callstream.kernel.ids import is_token

KINDS: list[type[Any]] = [*EVENT_TYPES.values(), *COMMAND_TYPES.values()]
PUBLISHED = Path(__file__).parents[2] / "docs" / "asyncapi.json"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_and_command_says_what_it_is(kind: type[Any]) -> None:
    assert kind.__dict__.get("__doc__"), "a docstring of its own is missing"


@pytest.mark.parametrize("wire_type", EVENT_TYPES)
def test_an_event_has_its_written_name_and_one_owner(wire_type: str) -> None:
    kind = EVENT_TYPES[wire_type]
    assert wire_type == f"{kind.AGGREGATE}.{kind.NAME}.v{kind.VERSION}"
    assert is_token(kind.AGGREGATE)
    assert is_token(kind.NAME)
    assert kind.AGGREGATE in OWNERS


@pytest.mark.parametrize("wire_type", EVENT_TYPES)
def test_an_events_subject_reads_back_and_is_found_by_its_filters(wire_type: str) -> None:
    kind = EVENT_TYPES[wire_type]
    subject = subjects.event_subject("acme", kind.AGGREGATE, "01J", kind.NAME)
    assert subjects.parse_event_subject(subject) == ("acme", kind.AGGREGATE, "01J", kind.NAME)
    for pattern in (
        subjects.ALL_EVENTS,
        subjects.aggregate_subjects("acme", kind.AGGREGATE, "01J"),
        subjects.events_of(kind.AGGREGATE),
        subjects.events_of(kind.AGGREGATE, kind.NAME),
        subjects.events_of(kind.AGGREGATE, kind.NAME, "acme"),
    ):
        assert matches(pattern, subject)
    assert not matches(subjects.events_of(kind.AGGREGATE, tenant="other"), subject)
    assert not matches(subjects.aggregate_subjects("acme", kind.AGGREGATE, "01"), subject)


@pytest.mark.parametrize("key", COMMAND_TYPES, ids=".".join)
def test_a_commands_subject_is_heard_by_its_service_only(key: tuple[str, str]) -> None:
    subject = subjects.command_subject(*(key[0], "acme", key[1]))
    heard_by = {service for service, name in COMMAND_TYPES if matches(subjects.commands_of(service, name), subject)}
    assert heard_by == {key[0]}
    assert matches(f"cmd.{key[0]}.>", subject)


@pytest.mark.parametrize("subject", ["", "cs", "cs.acme.call.01J", "cs.acme.call.01J.a.b", "xx.acme.call.01J.arrived"])
def test_what_is_no_event_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="not an event subject"):
        subjects.parse_event_subject(subject)


def test_a_number_keeps_its_plus_sign_out_of_the_key() -> None:
    assert subjects.config_key("acme", "number", "+861088880000") == "acme.number.861088880000"


def test_the_published_document_is_current() -> None:
    assert PUBLISHED.read_text() == asyncapi.render(), "run: python -m callstream.contracts.asyncapi > docs/asyncapi.json"


def test_the_document_is_asyncapi_3_and_every_reference_leads_somewhere() -> None:
    document = json.loads(asyncapi.render())
    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
    document["servers"]["broker"]["pathname"] = ""  # this model asks for it, the specification does not
    ApplicationSchema.model_validate(document)


def test_the_document_holds_every_event_and_command() -> None:
    document = asyncapi.document()
    for wire_type, kind in EVENT_TYPES.items():
        channel = document["channels"][f"event.{wire_type}"]
        assert channel["address"] == f"cs.{{tenant}}.{kind.AGGREGATE}.{{id}}.{kind.NAME}"
        assert document["operations"][f"publish.{wire_type}"]["action"] == "send"
        assert kind.__name__ in document["components"]["schemas"]
    for service, name in COMMAND_TYPES:
        assert document["channels"][f"command.{service}.{name}"]["address"] == f"cmd.{service}.{{scope}}.{name}"
        assert document["operations"][f"handle.{service}.{name}"]["reply"]["messages"]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def matches(pattern: str, subject: str) -> bool:
    """NATS's rule: `*` is one token, `>` the rest."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and all(w in ("*", t) for w, t in zip(wanted[:-1], tokens, strict=False))
    return len(tokens) == len(wanted) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True))
