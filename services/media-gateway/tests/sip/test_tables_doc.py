"""The documented tables are the tables that run; the tables of calls and dialogs leave no state without a way on."""

from __future__ import annotations

from pathlib import Path

import pytest

from callstream_media_gateway.sip.call_tables import OVER, TABLES
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.machine import Machine
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.referral import Referral
from callstream_media_gateway.sip.tables_doc import diagram, document
from callstream_media_gateway.sip.transaction_tables import Move

DOC = Path(__file__).parents[4] / "docs" / "sip-tables.md"


def test_the_document_is_what_the_tables_say() -> None:
    said = DOC.read_text(encoding="utf-8")
    assert said == document(), "run: python -m callstream_media_gateway.sip.tables_doc > docs/sip-tables.md"


def test_a_diagram_joins_events_and_marks_both_ends() -> None:
    drawn = diagram({("a b", "x"): Move("c"), ("a b", "y"): Move("c"), ("a b", "z"): Move("a b")})
    assert drawn.splitlines()[2:-1] == [
        '    state "a b" as a_b',
        "    [*] --> a_b",
        "    a_b --> c: x, y",
        "    a_b --> a_b: z",
        "    c --> [*]",
    ]


FIRST = {"incoming call": {"offered"}, "outgoing call": {"calling"}, "dialog": {"early"}, "referral": {"asked"}}
LAST = {
    "incoming call": {"answered", "rejected", "cancelled"},
    "outgoing call": {"answered", "failed"},
    "dialog": {OVER},
    "referral": {OVER},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_state_is_reached_from_the_first_and_leads_to_an_end(name: str) -> None:
    table = TABLES[name]
    reached, ends = set(FIRST[name]), set(LAST[name])
    for _ in table:
        reached |= {move.state for (state, _), move in table.items() if state in reached}
        ends |= {state for (state, _), move in table.items() if move.state in ends}
    states = {state for state, _ in table} | {move.state for move in table.values()}
    assert reached == states
    assert ends == states


@pytest.mark.parametrize(
    ("owner", "name"),
    [(IncomingCall, "incoming call"), (OutgoingCall, "outgoing call"), (Dialog, "dialog"), (Referral, "referral")],
)
def test_the_classes_run_the_documented_tables(owner: type[Machine], name: str) -> None:
    assert owner.table is TABLES[name]


def test_an_action_without_a_method_fails_when_the_class_is_made() -> None:
    with pytest.raises(AttributeError, match="_fly"):

        class Broken(Machine):
            table = {("a", "b"): Move("c", ("fly",))}


def test_an_unknown_event_changes_nothing() -> None:
    done: list[object] = []

    class Door(Machine):
        table = {("open", "shut"): Move("closed", ("tell",))}
        state = "open"

        def _tell(self, argument: object) -> None:
            done.append(argument)

    door = Door()
    assert not door.feed("knock")
    assert door.state == "open"
    assert door.feed("shut", 1)
    assert not door.feed("shut", 2)
    assert (door.state, done) == ("closed", [1])
