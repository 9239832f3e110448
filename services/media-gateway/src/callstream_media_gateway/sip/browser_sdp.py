"""What a browser's description has beside the codecs: ICE (RFC 8839), DTLS (RFC 8842, 8122), rtcp-mux (RFC 8858),
BUNDLE (RFC 8843). Pure.

We are ICE-lite with one candidate: the peer does all checks, so its own candidates are of no interest here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .errors import NotAcceptableError
from .sdp import Media, SessionDescription

PROTOCOL = "UDP/TLS/RTP/SAVPF"
PROTOCOLS = (PROTOCOL, "UDP/TLS/RTP/SAVP")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")
_FINGERPRINT = re.compile(r"(sha-256|sha-384|sha-512) +([0-9A-F]{2}(?::[0-9A-F]{2})+)", re.IGNORECASE)
_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_PRIORITY = 126 << 24 | 65535 << 8 | 255
"""RFC 8445 §5.1.2.1: a host candidate, the only one, of the only component."""
_OUR_SETUP = {"actpass": "passive", "active": "passive", "passive": "active"}
"""Offered -> answered. Passive where we may choose: the browser begins as soon as its check came through, and repeats."""


class OurSide(NamedTuple):
    """ICE user name fragment and password of this leg; fingerprint of our certificate as in the attribute. begins: we are
    the DTLS client of a session in force, which a new offer does not change (RFC 8842 §5.5).
    """

    ufrag: str
    password: str
    fingerprint: str
    begins: bool = False


class TheirSide(NamedTuple):
    """What to know of the peer. fingerprints: "sha-256 AB:CD:...". we_begin: we are the DTLS client."""

    ufrag: str
    fingerprints: tuple[str, ...]
    we_begin: bool


def speaks_browser(description: SessionDescription) -> bool:
    """Whether its audio is of the WebRTC profile."""
    line = description.audio
    return line is not None and line.protocol in PROTOCOLS


def offered_line(line: Media, ours: OurSide) -> Media:
    """Our offer's audio line."""
    return line._replace(protocol=PROTOCOL, attributes=_attributes(line, ours, "actpass", "0"))


def answered_line(line: Media, ours: OurSide, offer: SessionDescription, offered: Media) -> Media:
    """Our answer to the offer's line. Raises NotAcceptableError naming the attribute that is missing or wrong."""
    theirs = _value(offer, offered, "setup") or ""
    setup = "active" if ours.begins and theirs == "actpass" else _OUR_SETUP.get(theirs)
    if setup is None:
        raise NotAcceptableError("a=setup: neither actpass nor active nor passive")
    return line._replace(attributes=_attributes(line, ours, setup, _first("mid", offered.attributes)))


def refused_line(offered: Media) -> Media:
    """A line that we do not take; browsers look for its name all the same."""
    mid = _first("mid", offered.attributes)
    return offered._replace(port=0, codecs=(), attributes=(f"mid:{mid}",) if mid is not None else ())


def session_attributes(lines: Iterable[Media]) -> tuple[str, ...]:
    """Of our description: ICE-lite, and the one line that is bundled. A name that is empty, or more than one, names no line."""
    names = [(_first("mid", line.attributes) or "").split() for line in lines if line.port]
    return ("ice-lite", *(f"group:BUNDLE {name[0]}" for name in names if len(name) == 1))


def at_port(line: Media, port: int) -> Media:
    """The line once its port is known, which stands in the candidate too."""
    moved = line._replace(port=port)
    if not line.attributes:
        return moved
    candidate = tuple(_candidate(moved) if a.startswith("candidate:") else a for a in line.attributes)
    return moved._replace(attributes=candidate)


def our_side(local: SessionDescription, line: Media) -> OurSide:
    """What a description of ours says of us."""
    ufrag, password = _value(local, line, "ice-ufrag"), _value(local, line, "ice-pwd")
    return OurSide(ufrag or "", password or "", _value(local, line, "fingerprint") or "")


def their_side(local: SessionDescription, ours: Media, remote: SessionDescription, theirs: Media) -> TheirSide:
    """What the peer's description says of it, whichever of the two is the offer. Raises NotAcceptableError."""
    if "ice-lite" in remote.attributes:
        raise NotAcceptableError("a=ice-lite: neither side would check")
    if "rtcp-mux" not in theirs.attributes:
        raise NotAcceptableError("a=rtcp-mux: missing, we have one port")
    ufrag, password = _value(remote, theirs, "ice-ufrag") or "", _value(remote, theirs, "ice-pwd") or ""
    if not _ICE.fullmatch(ufrag):
        raise NotAcceptableError("a=ice-ufrag: missing or malformed")
    if not _ICE.fullmatch(password) or len(password) < 22:
        raise NotAcceptableError("a=ice-pwd: missing or malformed")
    prints = [a for a in (*remote.attributes, *theirs.attributes) if a.startswith("fingerprint:")]
    fingerprints = tuple(known for a in prints if (known := _fingerprint(a.partition(":")[2].strip())))
    if not fingerprints:
        raise NotAcceptableError("a=fingerprint: none of sha-256, sha-384 or sha-512")
    return TheirSide(ufrag, fingerprints, _we_begin(_value(local, ours, "setup"), _value(remote, theirs, "setup")))


def _fingerprint(text: str) -> str:
    """As `TheirSide` has it; "" for one that we cannot check."""
    match = _FINGERPRINT.fullmatch(text)
    if match is None or match[2].count(":") + 1 != _DIGEST_BYTES[match[1].lower()]:
        return ""
    return f"{match[1].lower()} {match[2].upper()}"


def _we_begin(ours: str | None, theirs: str | None) -> bool:
    """Who is active of the two (RFC 8842 §5)."""
    if ours == "actpass":
        if theirs not in ("active", "passive"):
            raise NotAcceptableError("a=setup: the answer to actpass is active or passive")
        return theirs == "passive"
    if ours == theirs:
        raise NotAcceptableError(f"a=setup: both are {ours}")
    return ours == "active"


def _attributes(line: Media, ours: OurSide, setup: str, mid: str | None) -> tuple[str, ...]:
    named = (f"mid:{mid}",) if mid is not None else ()
    login = (f"ice-ufrag:{ours.ufrag}", f"ice-pwd:{ours.password}", f"fingerprint:{ours.fingerprint}", f"setup:{setup}")
    return (*named, "rtcp-mux", *login, _candidate(line), "end-of-candidates")


def _candidate(line: Media) -> str:
    return f"candidate:1 1 UDP {_PRIORITY} {line.host} {line.port} typ host"


def _value(description: SessionDescription, line: Media, name: str) -> str | None:
    """Of the line, or of the session for all its lines."""
    own = _first(name, line.attributes)
    return own if own is not None else _first(name, description.attributes)


def _first(name: str, attributes: Iterable[str]) -> str | None:
    for attribute in attributes:
        key, colon, value = attribute.partition(":")
        if colon and key == name:
            return value.strip()
    return None
