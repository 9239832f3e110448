"""DTLS handshakes that agree on SRTP keys (RFC 5764), by OpenSSL on memory buffers: no socket and no clock in here.

One self-signed certificate per worker process; its fingerprint stands in our descriptions. The peer's certificate is
right when a fingerprint of its description says so (RFC 8122): nothing else is asked of it.
"""

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy

MTU = 1200
"""Bytes of a datagram: what passes every network that speech passes."""
_RECORD_HEADER_BYTES = 13
_RELEASE_BUFFERS = 0x10
"""SSL_MODE_RELEASE_BUFFERS of OpenSSL: 32 KB less for each association that has nothing to read."""
_ALGORITHMS = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}


class Profile(NamedTuple):
    """An SRTP protection profile: libsrtp's number of it, bytes of master key and salt."""

    number: int
    key: int
    salt: int


_PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": Profile(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AES128_CM_SHA1_80": Profile(Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}
"""In the order of our preference (RFC 7714, RFC 5764 §4.1.2)."""


class Keys(NamedTuple):
    """Master key and salt of each direction."""

    profile: Profile
    sent: bytes
    received: bytes


class Identity:
    """The certificate of this process. `fingerprint` as in an SDP attribute: "sha-256 AB:CD:..."."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        self.fingerprint = fingerprint(certificate, "sha-256")
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(_RELEASE_BUFFERS)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(
            b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"
        )
        context.set_tlsext_use_srtp(b":".join(_PROFILES))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _is_expected)
        self.context = context


def fingerprint(certificate: x509.Certificate, algorithm: str) -> str:
    """ "ALGORITHM AB:CD:..." of a certificate; algorithm: sha-256, sha-384 or sha-512."""
    return f"{algorithm} {certificate.fingerprint(_ALGORITHMS[algorithm]).hex(':').upper()}"


def is_fingerprint(text: str) -> bool:
    """Whether a text has the form of `fingerprint`, with an algorithm that is known here."""
    algorithm, _, value = text.partition(" ")
    known = _ALGORITHMS.get(algorithm)
    return known is not None and re.fullmatch(rf"([0-9A-F]{{2}}:){{{known.digest_size - 1}}}[0-9A-F]{{2}}", value) is not None


def _is_expected(connection: SSL.Connection, certificate: object, _error: int, depth: int, _ok: int) -> bool:
    """Within OpenSSL's check of the peer's certificate; False ends the handshake with an alert."""
    if depth:
        return True
    shown = certificate.to_cryptography()  # type: ignore[attr-defined]  # an OpenSSL.crypto.X509, which stubs hide
    expected: frozenset[str] = connection.get_app_data()
    return any(fingerprint(shown, algorithm) in expected for algorithm in _ALGORITHMS)


class Association:
    """One handshake and what follows it. `keys` once it is through; `failed` says why it will never be. `refused`: because
    the peer is not who its description says.
    """

    def __init__(self, identity: Identity, *, active: bool, fingerprints: Iterable[str]) -> None:
        """active: we send the first message. fingerprints: in the form of `fingerprint`."""
        self.keys: Keys | None = None
        self.failed = ""
        self.refused = False
        self._active = active
        self._ssl = SSL.Connection(identity.context, None)
        self._ssl.set_app_data(frozenset(fingerprints))
        self._ssl.set_ciphertext_mtu(MTU)
        if active:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()

    def start(self) -> list[bytes]:
        """The first datagrams of the active side; nothing for the other."""
        return self._advance() if self._active else []

    def take(self, datagram: bytes) -> list[bytes]:
        """What to send after this datagram. Garbage changes nothing (RFC 6347 §4.1.2.7)."""
        if self.failed:
            return []
        self._ssl.bio_write(datagram)
        return self._advance()

    def repeat(self) -> list[bytes]:
        """What is to be sent again because nothing came; to be asked about once a second."""
        if self.failed or self.keys:
            return []
        timeout = self._ssl.DTLSv1_get_timeout()
        if timeout is None or timeout > 0:
            return []
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self.failed = "the peer does not go on with the DTLS handshake"
        return self._outgoing()

    def _advance(self) -> list[bytes]:
        try:
            if self.keys is None:
                self._ssl.do_handshake()
                self._agree()
            # Behind the handshake only repetitions and alerts come; OpenSSL deals with both when it is read from.
            self._ssl.recv(MTU)
        except SSL.WantReadError:
            pass
        except (SSL.ZeroReturnError, SSL.SysCallError):
            if self.keys is None:
                self.failed = "the peer ended the DTLS handshake"
        except SSL.Error as error:
            if self.keys is None:
                reasons = [reason for _, _, reason in error.args[0]] if error.args else []
                self.failed = "DTLS handshake: " + (", ".join(reasons) or "refused")
                self.refused = "certificate verify failed" in reasons
        return self._outgoing()

    def _agree(self) -> None:
        profile = _PROFILES.get(self._ssl.get_selected_srtp_profile())
        if profile is None:
            self.failed = "DTLS handshake: no common SRTP profile"
            return
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt))
        keys, salts = material[: 2 * profile.key], material[2 * profile.key :]
        client = keys[: profile.key] + salts[: profile.salt]
        server = keys[profile.key :] + salts[profile.salt :]
        self.keys = Keys(profile, client, server) if self._active else Keys(profile, server, client)

    def _outgoing(self) -> list[bytes]:
        try:
            data = self._ssl.bio_read(65536)
        except SSL.WantReadError:
            return []
        return _datagrams(data)


def _datagrams(records: bytes) -> list[bytes]:
    """OpenSSL leaves the records of a flight one behind the other: cut into datagrams of whole records."""
    datagrams: list[bytes] = []
    begun = at = 0
    while at < len(records):
        end = at + _RECORD_HEADER_BYTES + int.from_bytes(records[at + 11 : at + 13], "big")
        if end - begun > MTU and at > begun:
            datagrams.append(records[begun:at])
            begun = at
        at = end
    datagrams.append(records[begun:])
    return datagrams
