"""The envelope on the wire, byte by byte, and what a reader must bear."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from callstream.contracts import envelope
from callstream.contracts.call_events import CallAnswered, CallArrived, DigitReceived
from callstream.contracts.envelope import NewEvent, Recorded, UnreadableEvent, decode_body, encode_body
from callstream.runtime.wire import header_block, parse_headers, read_event, status

MOMENT = datetime(2026, 1, 1, 8, 30, 0, 123000, tzinfo=UTC)
EVENT = NewEvent(
    id="e1", tenant="acme", aggregate_id="c1", time=MOMENT, event=CallAnswered(), correlation_id="c1", causation_id="cmd-1"
)
BLOCK = (
    b"NATS/1.0\r\nNats-Msg-Id: e1\r\nce-id: e1\r\nce-type: call.answered.v1\r\nce-source: media-gateway\r\n"
    b"ce-time: 2026-01-01T08:30:00.123Z\r\nce-specversion: 1.0\r\nce-correlationid: c1\r\n"
    b"traceparent: 00-TRACE-SPAN-01\r\nce-causationid: cmd-1\r\n\r\n"
)
SUBJECT = "cs.acme.call.c1.answered"


def test_the_header_block_is_cloud_events_in_binary_mode() -> None:
    traced = msgspec.structs.replace(EVENT, trace="00-TRACE-SPAN-01")
    assert header_block(traced, "call.answered.v1", "media-gateway") == BLOCK
    assert parse_headers(BLOCK)["ce-specversion"] == envelope.SPEC_VERSION
    names = {value for name, value in vars(envelope).items() if name.startswith("HEADER_")}
    assert names == set(parse_headers(BLOCK)) - {"Nats-Msg-Id"}


def test_a_stored_message_reads_back() -> None:
    assert read_event(SUBJECT, 7, b"{}", BLOCK) == Recorded(
        seq=7, id="e1", tenant="acme", aggregate="call", aggregate_id="c1", time=MOMENT, event=CallAnswered(),
        source="media-gateway", correlation_id="c1", causation_id="cmd-1", trace="00-TRACE-SPAN-01",
    )  # fmt: skip


def test_headers_of_others_in_any_order_are_borne() -> None:
    """What a foreign publisher or the broker may make of it: other order, blanks, more headers, another zone."""
    block = (
        b"NATS/1.0\r\nNats-Stream: EVENTS\r\nce-time:2026-01-01T16:30:00.123+08:00\r\nce-type:  call.answered.v1 \r\n"
        b"x-note: a: b\r\nce-id: e1\r\n\r\n"
    )
    recorded = read_event(SUBJECT, 7, b"{}", block)
    assert (recorded.time, recorded.id, recorded.source) == (MOMENT, "e1", "")
    assert parse_headers(block)["x-note"] == "a: b"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ((b"ce-id: e1\r\n", b""), "header ce-id is missing"),
        ((b"ce-type: call.answered.v1\r\n", b""), "header ce-type is missing"),
        ((b"2026-01-01T08:30:00.123Z", b"noon"), "noon"),
        ((b"00.123Z", b"00.123"), "no time zone"),
        ((b"call.answered.v1", b"call.unheard-of.v1"), "unknown event type 'call.unheard-of.v1'"),
        ((b"call.answered.v1", b"agent.signed-in.v1"), "stands on a subject of 'call'"),
        ((BLOCK, b""), "is missing"),
    ],
)
def test_a_header_that_is_wrong_is_named(change: tuple[bytes, bytes], fault: str) -> None:
    with pytest.raises(UnreadableEvent, match=fault):
        read_event(SUBJECT, 7, b"{}", BLOCK.replace(*change))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"digit": 5, "leg_id": "L"}', r"\$\.digit"),
        (b'{"leg_id": "L"}', "`digit`"),
        (b"[]", "array"),
        (b"", "truncated"),
        (b"\xff", "malformed|invalid"),
    ],
)
def test_a_body_that_is_wrong_names_type_and_field(body: bytes, fault: str) -> None:
    with pytest.raises(UnreadableEvent, match=fault) as told:
        decode_body("call.digit-received.v1", body)
    assert "call.digit-received.v1" in str(told.value)


def test_an_id_cannot_forge_a_header() -> None:
    for bad in ("e1\r\nce-type: x", "e1\n", "\r"):
        for field in ("id", "correlation_id", "causation_id"):
            with pytest.raises(ValueError, match="line break"):
                header_block(msgspec.structs.replace(EVENT, **{field: bad}), "call.answered.v1", "x")


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 5\r\n\r\n", 408),
        (b"NATS/1.0 503\r\n\r\n", 503),
        (b"NATS/1.0 100 Idle Heartbeat\r\n\r\n", 100),
        (b"NATS/1.0\r\na: b\r\n\r\n", 0),
        (None, 0),
    ],
)
def test_a_status_is_told_from_a_message(block: bytes | None, code: int) -> None:
    assert status(block) == code


def test_a_superseded_type_is_lifted_to_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps: v-2 had one field for the pair, v-1 had another name."""

    def split(old: dict[str, Any]) -> dict[str, Any]:
        caller, called = old.pop("pair").split(">")
        return {**old, "from": caller, "called": called}

    def rename(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "caller": old.pop("from")}

    monkeypatch.setitem(envelope.UPCASTERS, "call.arrived.v-2", ("call.arrived.v-1", split))
    monkeypatch.setitem(envelope.UPCASTERS, "call.arrived.v-1", ("call.arrived.v1", rename))
    old = b'{"pair": "+1>+2", "trunk": "t", "gateway": "g", "leg_id": "L"}'
    assert decode_body("call.arrived.v-2", old) == CallArrived(caller="+1", called="+2", trunk="t", gateway="g", leg_id="L")
    with pytest.raises(UnreadableEvent, match=r"v-1|v1|caller"):
        decode_body("call.arrived.v-2", b'{"trunk": "t"}')


def test_a_body_holds_no_default() -> None:
    assert encode_body(DigitReceived(digit="1", leg_id="L")) == b'{"digit":"1","leg_id":"L"}'
