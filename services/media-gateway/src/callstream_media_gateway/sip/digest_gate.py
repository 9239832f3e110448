"""Who is it? A server's side of digest (RFC 3261 22.4, RFC 7616, RFC 8760): challenge, verify, slow down guessing."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple

from .backoff import Backoff
from .digest import ALGORITHMS, Answer, Challenge, parse_answer, response_of
from .errors import ParseError
from .handler import WEB, Hop, Reply
from .message import Header, Request
from .nonces import Nonces
from .unanswered import UnansweredChallenges
from .uri import NameAddr, Uri


class Secrets(NamedTuple):
    """A user's HA1 values (digest.ha1) for the gate's realm; the password itself is nowhere."""

    md5: str
    sha256: str


class DigestGate:
    """secrets(user): the HA1 values, or None for an unknown user. clock: seconds, never going back."""

    def __init__(
        self,
        realm: str,
        secrets: Callable[[str], Secrets | None],
        clock: Callable[[], float],
        nonces: Nonces,
        backoff: Backoff,
    ) -> None:
        self._realm = realm
        self._secrets = secrets
        self._clock = clock
        self._nonces = nonces
        self._backoff = backoff
        self._unanswered = UnansweredChallenges()

    def check(self, request: Request, source: Hop) -> str | Reply:
        """The user name that the request proves, or the reply that refuses it: 401 with challenges, 400, 403.

        An unknown user is answered exactly as a wrong password is.
        """
        now = self._clock()
        aor = _claimed(request)
        algorithms: tuple[str, ...] = ALGORITHMS
        try:
            answer = self._own_answer(request)
        except ParseError as error:
            return Reply(400, f"Bad {error.field}")
        if answer is None:
            algorithms = self._unanswered.algorithms(source.host, aor, request.get("Via"), now)
            if source.transport in WEB:
                # Browsers' libraries know MD5 only and give up over the others: JsSIP looks at the last challenge, whatever
                # stands before it. The connection itself is encrypted.
                algorithms = ("MD5",)
            return self._challenge(now, algorithms, stale=False)
        self._unanswered.answered(source.host, aor, answer.algorithm, now)
        if answer.algorithm == "MD5":
            algorithms = ("MD5",)  # what it has answered with once it can answer with again
        wait = self._backoff.wait(source.host, answer.username, now)
        if wait > 0:
            return Reply(403, "Too Many Failures", [("Retry-After", str(int(wait) + 1))])
        if answer.algorithm not in ALGORITHMS or answer.qop != "auth" or not answer.cnonce:
            return self._challenge(now, algorithms, stale=False)
        count = _nonce_count(answer.nc)
        if count is None or not _same_target(answer.uri, request.uri):
            return Reply(400, "Bad Authorization")
        state = self._nonces.check(answer.nonce, count, now)
        if not self._is_right(answer, request.method):
            if state != "forged":  # a nonce of before our restart is no guess at a password
                self._backoff.failed(source.host, answer.username, now)
            return self._challenge(now, algorithms, stale=False)
        if state != "fresh":
            return self._challenge(now, algorithms, stale=True)
        self._nonces.accept(answer.nonce, count, now)
        self._backoff.succeeded(source.host, answer.username)
        return answer.username

    def _own_answer(self, request: Request) -> Answer | None:
        """The credentials for our realm among those of other servers and schemes (RFC 3261 22.3)."""
        for value in request.lines("Authorization"):
            if value[:7].lower() != "digest ":
                continue
            answer = parse_answer(value)
            if answer.realm == self._realm:
                return answer
        return None

    def _is_right(self, answer: Answer, method: str) -> bool:
        secrets = self._secrets(answer.username)
        secret = "0" if secrets is None else secrets.sha256 if answer.algorithm == "SHA-256" else secrets.md5
        right = hmac.compare_digest(
            response_of(answer.algorithm, secret, method, answer).encode(), answer.response.encode("utf-8", "replace")
        )
        return right and secrets is not None

    def _challenge(self, now: float, algorithms: tuple[str, ...], *, stale: bool) -> Reply:
        """One challenge for each algorithm, in their order: phones take the first that they know (RFC 8760 2.4)."""
        headers: list[Header] = []
        for algorithm in algorithms:
            challenge = Challenge(self._realm, self._nonces.make(now), algorithm, ("auth",), None, stale)
            headers.append(("WWW-Authenticate", str(challenge)))
        return Reply(401, None, headers)


def _claimed(request: Request) -> str:
    """The address-of-record that the sender says is theirs: of a REGISTER in its To (RFC 3261 10.2)."""
    line = next(iter(request.lines("To" if request.method == "REGISTER" else "From")), "")
    try:
        uri = NameAddr.parse(line, "From").uri
    except ParseError:
        return line
    return f"{uri.user}@{uri.host}"


def _nonce_count(text: str | None) -> int | None:
    try:
        count = int(text or "", 16)
    except ValueError:
        return None
    return count if len(text or "") == 8 and count > 0 else None


def _same_target(answered: str, requested: str) -> bool:
    """RFC 7616 3.4.6: the two may be written differently, but must name the same thing."""
    if answered == requested:
        return True
    try:
        return Uri.parse(answered).address == Uri.parse(requested).address
    except ParseError:
        return False
