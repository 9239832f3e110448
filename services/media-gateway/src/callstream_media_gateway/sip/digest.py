"""Digest arithmetic of RFC 2617, RFC 7616 and RFC 8760: parsing, challenges, responses. No nonce keeping here."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from .errors import ParseError
from .uri import Params, parse_params, quote, split_quoted

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
ALGORITHMS = ("SHA-256", "MD5")
"""What we speak, the stronger first: the order in which challenges are sent and chosen (RFC 8760 2.4)."""


class StoredSecrets(NamedTuple):
    """What is kept instead of a password: its HA1 values, which are good for one realm."""

    realm: str
    md5: str
    sha256: str


class Credentials(NamedTuple):
    """A user's name and password, as a phone or a trunk knows them, or the secrets that stand for the password."""

    username: str
    password: str = ""
    stored: StoredSecrets | None = None

    def secret(self, algorithm: str, realm: str) -> str | None:
        """HA1 for a challenge; None for another realm than the stored secrets are of."""
        if self.stored is None:
            return ha1(algorithm, self.username, realm, self.password)
        if realm != self.stored.realm:
            return None
        return self.stored.md5 if algorithm == "MD5" else self.stored.sha256


class Challenge(NamedTuple):
    """A WWW-Authenticate or Proxy-Authenticate value. qop: the offered tokens, empty for RFC 2069 servers."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ("auth",)
    opaque: str | None = None
    stale: bool = False

    def __str__(self) -> str:
        parts = [
            f"Digest realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"algorithm={self.algorithm}",
        ]
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return ", ".join(parts)


class Answer(NamedTuple):
    """An Authorization or Proxy-Authorization value. nc as written (8 hex digits) or None without qop."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    nc: str | None = None
    cnonce: str | None = None
    opaque: str | None = None

    def __str__(self) -> str:
        parts = [
            f"Digest username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(self.uri)}",
            f"response={quote(self.response)}",
            f"algorithm={self.algorithm}",
        ]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop is not None:
            parts += [f"qop={self.qop}", f"nc={self.nc}", f"cnonce={quote(self.cnonce or '')}"]
        return ", ".join(parts)


def parse_challenge(value: str) -> Challenge:
    """Parse a challenge. Raises ParseError for another scheme than Digest or a missing realm or nonce."""
    params = _digest_params(value, "challenge")
    qop = tuple(token.strip().lower() for token in (params.get("qop") or "").split(",") if token.strip())
    return Challenge(
        _need(params, "realm", "challenge"),
        _need(params, "nonce", "challenge"),
        (params.get("algorithm") or "MD5").upper(),
        qop,
        params.get("opaque"),
        (params.get("stale") or "").lower() == "true",
    )


def parse_answer(value: str) -> Answer:
    """Parse credentials. Raises ParseError for another scheme than Digest or a missing part."""
    params = _digest_params(value, "Authorization")
    return Answer(
        _need(params, "username", "Authorization"),
        _need(params, "realm", "Authorization"),
        _need(params, "nonce", "Authorization"),
        _need(params, "uri", "Authorization"),
        _need(params, "response", "Authorization").lower(),
        (params.get("algorithm") or "MD5").upper(),
        params.get("qop"),
        params.get("nc"),
        params.get("cnonce"),
        params.get("opaque"),
    )


def _digest_params(value: str, field: str) -> Params:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        raise ParseError(field, f"scheme {scheme[:20]!r} is not Digest")
    params: Params = {}
    for piece in split_quoted(rest, ","):
        # one parameter a piece; a ";" inside an unquoted value would be garbage anyway
        params.update(parse_params(piece) if '"' in piece else _plain(piece))
    return params


def _plain(piece: str) -> Params:
    name, _, value = piece.partition("=")
    return {name.strip().lower(): value.strip()} if name.strip() else {}


def _need(params: Params, name: str, field: str) -> str:
    value = params.get(name)
    if value is None:
        raise ParseError(field, f"no {name}")
    return value


def hash_text(algorithm: str, text: str) -> str:
    """Lower-case hex of the algorithm's hash. Raises KeyError for an algorithm we do not speak."""
    return _HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """The secret a registrar stores instead of the password."""
    return hash_text(algorithm, f"{username}:{realm}:{password}")


def response_of(algorithm: str, secret: str, method: str, answer: Answer) -> str:
    """The response that `answer` should carry when its sender knows `secret` (HA1). qop auth or none."""
    ha2 = hash_text(algorithm, f"{method}:{answer.uri}")
    if answer.qop is None:
        return hash_text(algorithm, f"{secret}:{answer.nonce}:{ha2}")
    return hash_text(algorithm, f"{secret}:{answer.nonce}:{answer.nc}:{answer.cnonce}:{answer.qop}:{ha2}")


def choose_challenge(values: list[str]) -> Challenge | None:
    """The strongest challenge that we can answer; None when there is none. Broken ones are passed over."""
    usable = []
    for value in values:
        try:
            challenge = parse_challenge(value)
        except ParseError:
            continue
        if challenge.algorithm in ALGORITHMS and (not challenge.qop or "auth" in challenge.qop):
            usable.append(challenge)
    return min(usable, key=lambda challenge: ALGORITHMS.index(challenge.algorithm), default=None)


def answer_challenge(
    challenge: Challenge, credentials: Credentials, method: str, uri: str, *, cnonce: str, count: int = 1
) -> Answer | None:
    """Answer a challenge for one request; None when the credentials are of another realm. count: how often this nonce was
    used, this time included."""
    secret = credentials.secret(challenge.algorithm, challenge.realm)
    if secret is None:
        return None
    qop, nc, cnonce_sent = ("auth", f"{count:08x}", cnonce) if challenge.qop else (None, None, None)
    blank = Answer(
        credentials.username,
        challenge.realm,
        challenge.nonce,
        uri,
        "",
        challenge.algorithm,
        qop,
        nc,
        cnonce_sent,
        challenge.opaque,
    )
    return blank._replace(response=response_of(challenge.algorithm, secret, method, blank))
