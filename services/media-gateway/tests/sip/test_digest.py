"""Digest: the RFCs' own examples, both sides together, and what a guesser meets."""

from __future__ import annotations

from typing import Any

import pytest

from callstream_media_gateway.sip.backoff import Backoff
from callstream_media_gateway.sip.digest import (
    Answer,
    Challenge,
    Credentials,
    answer_challenge,
    choose_challenge,
    ha1,
    parse_answer,
    parse_challenge,
    response_of,
)
from callstream_media_gateway.sip.digest_gate import DigestGate, Secrets
from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.nonces import Nonces
from callstream_media_gateway.sip.unanswered import UnansweredChallenges

RFC2617 = Answer(
    "Mufasa",
    "testrealm@host.com",
    "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "/dir/index.html",
    "6629fae49393a05397450978507c4ef1",
    "MD5",
    "auth",
    "00000001",
    "0a4f113b",
)
RFC7616 = Answer(
    "Mufasa",
    "http-auth@example.org",
    "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "/dir/index.html",
    "8ca523f5e9506fed4657c9700eebdbec",
    "MD5",
    "auth",
    "00000001",
    "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
)
RFC7616_SHA = RFC7616._replace(algorithm="SHA-256", response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")
RFC2069 = RFC2617._replace(qop=None, nc=None, cnonce=None, response="670fd8c2df070c60b045671b8b24ff02")


@pytest.mark.parametrize(
    ("answer", "password"),
    [(RFC2617, "Circle Of Life"), (RFC7616, "Circle of Life"), (RFC7616_SHA, "Circle of Life"), (RFC2069, "Circle Of Life")],
    ids=["RFC 2617 3.5", "RFC 7616 3.9.1 MD5", "RFC 7616 3.9.1 SHA-256", "without qop"],
)
def test_the_examples_of_the_rfcs(answer: Answer, password: str) -> None:
    secret = ha1(answer.algorithm, answer.username, answer.realm, password)
    assert response_of(answer.algorithm, secret, "GET", answer) == answer.response
    assert parse_answer(str(answer)) == answer


def test_challenges_are_written_and_read_back() -> None:
    challenge = Challenge('a "realm"', "n0nce", "SHA-256", ("auth", "auth-int"), "opaque", True)
    assert parse_challenge(str(challenge)) == challenge


@pytest.mark.parametrize("value", ["", "Basic realm=x", 'Digest realm="x"', 'Digest nonce="x"'])
def test_broken_challenges_are_refused(value: str) -> None:
    with pytest.raises(ParseError):
        parse_challenge(value)


MD5, SHA = str(Challenge("r", "n", "MD5")), str(Challenge("r", "n", "SHA-256"))
CHOICES = [
    ([MD5, SHA], "SHA-256"),
    ([MD5], "MD5"),
    ([str(Challenge("r", "n", "SHA-512-256")), MD5], "MD5"),
    (["nonsense", MD5], "MD5"),
    (['Digest realm="r", nonce="n"'], "MD5"),
    ([str(Challenge("r", "n", "MD5", ("auth-int",)))], None),
    ([], None),
]


@pytest.mark.parametrize(("values", "algorithm"), CHOICES)
def test_the_strongest_challenge_we_can_answer_is_chosen(values: list[str], algorithm: str | None) -> None:
    chosen = choose_challenge(values)
    assert (chosen.algorithm if chosen else None) == algorithm


class Door:
    """A gate with one user, a clock to turn, and a client that answers its challenges."""

    def __init__(self, **backoff: Any) -> None:
        self.now = 1000.0
        known = Secrets(ha1("MD5", "ann", "r", "pw"), ha1("SHA-256", "ann", "r", "pw"))
        self.nonces = Nonces(b"key", 60)
        self.gate = DigestGate(
            "r", lambda user: known if user == "ann" else None, lambda: self.now, self.nonces, Backoff(**backoff)
        )

    def knock(self, authorization: str | None = None, source: str = "10.0.0.1", uri: str = "sip:r") -> str | Reply:
        headers = [("Authorization", authorization)] if authorization else []
        return self.gate.check(Request("REGISTER", uri, headers), Hop("udp", source, 5060))

    def challenge(self, algorithm: str = "SHA-256") -> Challenge:
        reply = self.knock()
        assert isinstance(reply, Reply)
        return next(c for c in (parse_challenge(value) for _, value in reply.headers) if c.algorithm == algorithm)

    def answer(self, challenge: Challenge, user: str = "ann", password: str = "pw", count: int = 1) -> Answer:
        return answer_challenge(challenge, Credentials(user, password), "REGISTER", "sip:r", cnonce="c", count=count)


def code_of(verdict: str | Reply) -> int | str:
    return verdict if isinstance(verdict, str) else verdict.code


def is_stale(verdict: str | Reply) -> bool:
    return isinstance(verdict, Reply) and all("stale=true" in value for _, value in verdict.headers)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_right_password_opens(algorithm: str) -> None:
    door = Door()
    assert door.knock(str(door.answer(door.challenge(algorithm)))) == "ann"


def test_each_nonce_count_opens_once_and_a_later_one_again() -> None:
    door = Door()
    challenge = door.challenge()
    for count, opens in ((1, True), (1, False), (3, True), (2, False), (4, True)):
        verdict = door.knock(str(door.answer(challenge, count=count)))
        assert (verdict == "ann") is opens
        assert is_stale(verdict) is not opens


def test_an_old_nonce_is_stale_and_a_forged_one_is_not_counted_as_a_guess() -> None:
    door = Door(free=0)
    challenge = door.challenge()
    door.now += 61
    assert is_stale(door.knock(str(door.answer(challenge))))
    forged = challenge._replace(nonce="3e8-1-" + "0" * 32)
    assert is_stale(door.knock(str(door.answer(forged))))
    assert code_of(door.knock(str(door.answer(forged, password="wrong")))) == 401
    assert door.knock(str(door.answer(door.challenge()))) == "ann"


REFUSALS = [
    ("no credentials", lambda a: None, 401),
    ("another realm's credentials", lambda a: a._replace(realm="x"), 401),
    ("a wrong response", lambda a: a._replace(response="0" * 64), 401),
    ("a response that is no hex", lambda a: a._replace(response="\udcff你"), 401),
    ("no qop", lambda a: a._replace(qop=None), 401),
    ("an unknown algorithm", lambda a: a._replace(algorithm="SHA-1"), 401),
    ("another URI", lambda a: a._replace(uri="sip:elsewhere"), 400),
    ("a bad nonce count", lambda a: a._replace(nc="xyz"), 400),
    ("a nonce count of nothing", lambda a: a._replace(nc="00000000"), 400),
    ("no nonce count", lambda a: a._replace(nc=None), 400),
    ("garbage", lambda a: "Digest what", 400),
    ("another scheme", lambda a: "Basic YTpi", 401),
    ("a nonce that is no nonce of ours", lambda a: a._replace(nonce="--"), 401),
]


@pytest.mark.parametrize(("what", "change", "code"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refused(what: str, change: Any, code: int) -> None:
    door = Door()
    changed = change(door.answer(door.challenge()))
    assert code_of(door.knock(changed and str(changed))) == code


def test_an_unknown_user_meets_what_a_wrong_password_meets() -> None:
    door = Door(free=1)
    for user in ("ann", "nobody"):
        codes = [code_of(door.knock(str(door.answer(door.challenge(), user, "wrong")))) for _ in range(3)]
        assert codes == [401, 401, 403]


def test_guessing_is_slowed_down_per_source_and_user() -> None:
    door = Door(free=2, longest=4)

    def guess(password: str = "wrong", source: str = "10.0.0.1") -> int | str:
        return code_of(door.knock(str(door.answer(door.challenge("MD5"), password=password)), source))

    assert [guess() for _ in range(4)] == [401, 401, 401, 403]
    assert guess("pw") == 403
    assert guess("pw", "10.0.0.2") == "ann"
    for wait in (1, 2, 4, 4):
        door.now += wait + 0.01
        assert guess() == 401
        assert guess() == 403
    door.now += 4.01
    assert guess("pw") == "ann"
    assert guess() == 401, "a success wipes the slate"


def test_back_off_remembers_a_bounded_number_of_guessers() -> None:
    backoff = Backoff(free=0, room=3)
    for n in range(5):
        backoff.failed("10.0.0.1", str(n), 0.0)
    assert [backoff.wait("10.0.0.1", str(n), 0.0) > 0 for n in range(5)] == [False, False, True, True, True]


def test_only_proven_nonces_are_remembered_and_not_for_ever() -> None:
    door = Door()
    for _ in range(100):
        door.challenge("MD5")
    assert door.nonces.remembered == 0
    for _ in range(10):
        assert door.knock(str(door.answer(door.challenge("MD5")))) == "ann"
        door.now += 30
    assert door.nonces.remembered <= 4


def offered(door: Door, source: str = "10.0.0.1") -> list[str]:
    reply = door.knock(source=source)
    assert isinstance(reply, Reply)
    return [parse_challenge(value).algorithm for _, value in reply.headers]


def test_a_phone_that_says_nothing_to_a_challenge_and_comes_again_is_challenged_with_md5_alone() -> None:
    door = Door()
    assert offered(door) == ["SHA-256", "MD5"]
    door.now += 30
    assert offered(door) == ["MD5"]
    assert offered(door, source="10.0.0.2") == ["SHA-256", "MD5"]
    assert door.knock(str(door.answer(door.challenge("MD5")))) == "ann"
    door.now += 60
    assert offered(door) == ["MD5"]  # also at its next registration
    door.now += 3600
    assert offered(door) == ["SHA-256", "MD5"]


def test_a_phone_that_knows_sha_256_keeps_being_challenged_with_it() -> None:
    door = Door()
    for _ in range(3):  # challenge() finds SHA-256 offered each time
        assert door.knock(str(door.answer(door.challenge("SHA-256")))) == "ann"
        door.now += 60


def test_a_repeated_request_whose_challenge_was_lost_is_challenged_alike() -> None:
    door = Door()
    for via, algorithms in (("one", 2), ("one", 2), ("two", 1)):
        reply = door.gate.check(Request("REGISTER", "sip:r", [("Via", via), ("To", "<sip:ann@r>")]), Hop("udp", "10.0.0.1", 5060))
        assert isinstance(reply, Reply)
        assert len(reply.headers) == algorithms


def test_a_phone_that_registers_with_md5_alone_is_not_asked_for_more_when_it_calls() -> None:
    door, source = Door(), Hop("udp", "10.0.0.1", 5060)
    for via in ("one", "two"):
        door.gate.check(Request("REGISTER", "sip:r", [("Via", via), ("To", "<sip:ann@r>")]), source)
    for sender, algorithms in (('"Ann" <sip:ann@r>;tag=1', 1), ("<sip:bob@r>;tag=1", 2), ("<", 2)):
        call = Request("INVITE", "sip:1002@r", [("Via", "three"), ("From", sender), ("To", "<sip:ann@r>")])
        reply = door.gate.check(call, source)
        assert isinstance(reply, Reply)
        assert len(reply.headers) == algorithms


def test_what_a_phone_knows_is_remembered_while_it_comes() -> None:
    known = UnansweredChallenges()
    assert len(known.algorithms("10.0.0.1", "ann@r", "one", 0.0)) == 2
    for now in (3000.0, 6000.0):
        known.answered("10.0.0.1", "ann@r", "MD5", now)
        assert known.algorithms("10.0.0.1", "ann@r", f"at {now}", now + 3000) == ("MD5",)
    assert len(known.algorithms("10.0.0.1", "ann@r", "last", 10_000.0)) == 2
