"""Checks are answered as RFC 8489 and 8445 want, held against a foreign implementation (aioice)."""

import pytest
from aioice import stun as foreign
from hypothesis import example, given
from hypothesis import strategies as st

from callstream_media_gateway.media import stun

UFRAG, PASSWORD = "mine", "mine+of+thirty+two+characters+ok"
SOURCE = ("192.0.2.77", 40_123)


def check(username: str = f"{UFRAG}:theirs", password: str = PASSWORD, **attributes: object) -> bytes:
    """What a full agent sends."""
    message = foreign.Message(foreign.Method.BINDING, foreign.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 7
    for name, value in attributes.items():
        message.attributes[name.replace("_", "-")] = value
    message.add_message_integrity(password.encode())
    message.add_fingerprint()
    return bytes(message)


def answer(data: bytes, remote: str | None = "theirs") -> stun.Answer:
    return stun.answer(data, SOURCE, UFRAG, PASSWORD, remote)


def sealed(data: bytes) -> foreign.Message:
    """A message that the foreign implementation finds whole."""
    message = foreign.parse_message(data)
    assert message.check_message_integrity(PASSWORD.encode())
    return message


@pytest.mark.parametrize("nominate", [False, True])
@pytest.mark.parametrize("remote", ["theirs", None])
def test_a_good_check_is_answered_with_where_it_came_from(nominate: bool, remote: str | None) -> None:
    given_answer = answer(check(USE_CANDIDATE=None) if nominate else check(), remote)
    assert (given_answer.accepted, given_answer.nominated) == (True, nominate)
    parsed = sealed(given_answer.data)
    assert parsed.message_class is foreign.Class.RESPONSE
    assert parsed.attributes["XOR-MAPPED-ADDRESS"] == SOURCE


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "another+password+of+them"},
        {"username": "other:theirs"},
        {"username": f"{UFRAG}:others"},
        {"username": UFRAG},
    ],
    ids=lambda wrong: "=".join(*wrong.items()),
)
def test_a_check_that_proves_nothing_is_refused_shorter_than_it_was(wrong: dict[str, str]) -> None:
    data = check(**wrong)
    refused = answer(data)
    assert not refused.accepted
    assert len(refused.data) < len(data)
    assert foreign.parse_message(refused.data).attributes["ERROR-CODE"][0] == 401


def test_a_peer_that_wants_us_to_control_is_told_to_do_it() -> None:
    message = foreign.Message(foreign.Method.BINDING, foreign.Class.REQUEST)
    message.attributes["USERNAME"] = f"{UFRAG}:theirs"
    message.attributes["ICE-CONTROLLED"] = 7
    message.add_message_integrity(PASSWORD.encode())
    message.add_fingerprint()
    refused = answer(bytes(message))
    assert not refused.accepted
    parsed = sealed(refused.data)
    assert parsed.attributes["ERROR-CODE"][0] == 487


def test_an_attribute_that_must_be_understood_and_is_not_is_named() -> None:
    refused = answer(check(REALM="example.org"))
    assert not refused.accepted
    code = sealed(refused.data).attributes["ERROR-CODE"]
    assert code[0] == 420
    assert b"\x00\x0a\x00\x02\x00\x14" in refused.data


def test_what_stands_behind_the_seal_counts_for_nothing() -> None:
    """RFC 8489 §14.5: somebody on the way may have added it."""
    added = check()[:-8] + b"\x00\x25\x00\x00"  # instead of the fingerprint
    length = (len(added) - 20).to_bytes(2, "big")
    tampered = answer(added[:2] + length + added[4:])
    assert tampered.accepted
    assert not tampered.nominated


def test_our_simulated_browsers_checks_are_understood_by_a_foreign_agent() -> None:
    data = stun.request(bytes(range(12)), (UFRAG, PASSWORD), "theirs")
    parsed = sealed(data)
    assert parsed.attributes["USERNAME"] == f"{UFRAG}:theirs"
    assert "USE-CANDIDATE" in parsed.attributes
    assert stun.is_success(answer(data).data)


@given(st.binary(max_size=600))
@example(b"\x00\x01\x00\x04\x21\x12\xa4\x42" + bytes(12) + b"\x00\x06\xff\xff")
@example(b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x80\x28\x00\x04\x00\x00\x00\x00")
def test_garbage_is_not_accepted_and_raises_nothing(data: bytes) -> None:
    assert not answer(data).accepted


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_no_changed_bit_under_the_seal_is_accepted(at: int, bit: int) -> None:
    data = bytearray(check(USE_CANDIDATE=None))
    data[at % (len(data) - 8)] ^= 1 << bit
    assert not answer(bytes(data)).accepted
