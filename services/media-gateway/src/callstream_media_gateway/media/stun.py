"""STUN binding requests as an ICE-lite agent answers them (RFC 8489, RFC 8445 §7.3). Pure.

The message integrity (HMAC-SHA1 keyed with our ICE password) is what proves that a check comes from the peer that
signalling talks to: nothing else that arrives at a browser leg's port is believed before such a check came from its
source.
"""

import hmac
import zlib
from struct import Struct
from typing import NamedTuple

from callstream_media_gateway.media.worker_commands import Address

_COOKIE = 0x2112A442
_HEADER = Struct("!HHI12s")
_ATTRIBUTE = Struct("!HH")
_HEADER_BYTES, _MAX_BYTES = 20, 548
"""RFC 8489 §6.1: what a request may have when the path is unknown."""

_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_USERNAME, _INTEGRITY, _ERROR_CODE, _UNKNOWN = 0x0006, 0x0008, 0x0009, 0x000A
_XOR_MAPPED, _PRIORITY, _USE_CANDIDATE, _FINGERPRINT = 0x0020, 0x0024, 0x0025, 0x8028
_CONTROLLED, _CONTROLLING = 0x8029, 0x802A
_KNOWN = frozenset((_USERNAME, _INTEGRITY, _PRIORITY, _USE_CANDIDATE))
_INTEGRITY_BYTES, _FINGERPRINT_BYTES = 24, 8
_CRC_MASK = 0x5354554E


class Answer(NamedTuple):
    """data: what to send back, b"" for nothing. accepted: the peer has proved itself; nominated: it chose this pair."""

    data: bytes
    accepted: bool = False
    nominated: bool = False


_NOTHING = Answer(b"")


def answer(data: bytes, source: Address, ufrag: str, password: str, remote_ufrag: str | None) -> Answer:
    """Answer what came from source. remote_ufrag None: the peer's description has not been seen yet.

    What is no well-formed binding request gets no answer; one that fails the check gets the error that RFC 8489 §9.1.3
    names, which is shorter than the request.
    """
    attributes = _read(data)
    if attributes is None:
        return _NOTHING
    transaction = data[8:20]
    username, integrity = attributes.get(_USERNAME), attributes.get(_INTEGRITY)
    if username is None or integrity is None:
        return Answer(_error(transaction, 400, "Bad Request"))
    local, _, remote = username[1].partition(b":")
    known = local == ufrag.encode() and (remote_ufrag is None or remote == remote_ufrag.encode())
    if not known or not _is_whole(data, integrity, password):
        return Answer(_error(transaction, 401, "Unauthenticated"))
    strange = sorted(kind for kind in attributes if kind < 0x8000 and kind not in _KNOWN)
    if strange:
        listed = b"".join(kind.to_bytes(2, "big") for kind in strange)
        return Answer(_sealed(_ERROR, transaction, _code(420, "Unknown Attribute") + _attribute(_UNKNOWN, listed), password))
    if _CONTROLLED in attributes:  # a lite agent never controls: the peer has to (RFC 8445 §7.3.1.1)
        return Answer(_sealed(_ERROR, transaction, _code(487, "Role Conflict"), password))
    mapped = _sealed(_SUCCESS, transaction, _attribute(_XOR_MAPPED, _xored(source)), password)
    return Answer(mapped, accepted=True, nominated=_USE_CANDIDATE in attributes)


def request(transaction: bytes, theirs: tuple[str, str], ours: str, *, nominate: bool = True) -> bytes:
    """A check as a full, controlling agent sends it, for simulated browsers. theirs: ufrag and password; ours: ufrag."""
    ufrag, password = theirs
    body = _attribute(_USERNAME, f"{ufrag}:{ours}".encode()) + _attribute(_PRIORITY, (1 << 24).to_bytes(4, "big"))
    body += _attribute(_CONTROLLING, transaction[:8])
    if nominate:
        body += _attribute(_USE_CANDIDATE, b"")
    return _sealed(_REQUEST, transaction, body, password)


def is_success(data: bytes) -> bool:
    """Whether this is the answer to a check that was accepted."""
    return len(data) >= _HEADER_BYTES and data[:2] == _SUCCESS.to_bytes(2, "big")


def _read(data: bytes) -> dict[int, tuple[int, bytes]] | None:
    """Attributes with their offsets, the first of each kind and none behind the integrity but the fingerprint (§14.5)."""
    if not _HEADER_BYTES <= len(data) <= _MAX_BYTES:
        return None
    kind, length, cookie, _ = _HEADER.unpack_from(data)
    if kind != _REQUEST or cookie != _COOKIE or length != len(data) - _HEADER_BYTES or length % 4:
        return None
    found: dict[int, tuple[int, bytes]] = {}
    at = _HEADER_BYTES
    while at < len(data):
        attribute, size = _ATTRIBUTE.unpack_from(data, at)
        end = at + 4 + size
        if end > len(data):
            return None
        if attribute == _FINGERPRINT:
            if size != 4 or end != len(data) or int.from_bytes(data[at + 4 : end], "big") != _crc(data[:at]):
                return None
        elif _INTEGRITY not in found:
            found.setdefault(attribute, (at, data[at + 4 : end]))
        at = end + -size % 4
    return found


def _is_whole(data: bytes, integrity: tuple[int, bytes], password: str) -> bool:
    at, value = integrity
    return hmac.compare_digest(_hmac(data[:at], password), value)


def _hmac(before: bytes, password: str) -> bytes:
    """Over all before the attribute, with a length that counts it (RFC 8489 §14.5)."""
    counted = (len(before) - _HEADER_BYTES + _INTEGRITY_BYTES).to_bytes(2, "big")
    return hmac.digest(password.encode(), before[:2] + counted + before[4:], "sha1")


def _crc(before: bytes) -> int:
    counted = (len(before) - _HEADER_BYTES + _FINGERPRINT_BYTES).to_bytes(2, "big")
    return zlib.crc32(before[:2] + counted + before[4:]) ^ _CRC_MASK


def _xored(source: Address) -> bytes:
    host, port = source
    address = int.from_bytes(bytes(map(int, host.split("."))), "big")
    return b"\x00\x01" + (port ^ _COOKIE >> 16).to_bytes(2, "big") + (address ^ _COOKIE).to_bytes(4, "big")


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _code(number: int, phrase: str) -> bytes:
    return _attribute(_ERROR_CODE, bytes((0, 0, number // 100, number % 100)) + phrase.encode())


def _error(transaction: bytes, number: int, phrase: str) -> bytes:
    """Without integrity: there is no key that both know."""
    body = _code(number, phrase)
    return _with_crc(_HEADER.pack(_ERROR, len(body), _COOKIE, transaction) + body)


def _sealed(kind: int, transaction: bytes, body: bytes, password: str) -> bytes:
    before = _HEADER.pack(kind, len(body), _COOKIE, transaction) + body
    return _with_crc(before + _attribute(_INTEGRITY, _hmac(before, password)))


def _with_crc(before: bytes) -> bytes:
    length = (len(before) - _HEADER_BYTES + _FINGERPRINT_BYTES).to_bytes(2, "big")
    before = before[:2] + length + before[4:]
    return before + _attribute(_FINGERPRINT, (zlib.crc32(before) ^ _CRC_MASK).to_bytes(4, "big"))
