"""A certificate of our own for TLS and WSS, for use on one machine or in a trusted network until a real one is given.

Made once and kept, so that who has decided to trust it is asked once only; made anew when it runs out soon or when the
addresses that we listen on have changed. Killed in between: the key is written first, and a key without its certificate
is replaced.
"""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

log = structlog.get_logger(__name__)

LASTS = timedelta(days=825)
"""What Apple's platforms take at most, even from who trusts it by hand."""
RENEWED_BEFORE = timedelta(days=30)


def self_signed(folder: Path, hosts: Iterable[str], now: datetime) -> tuple[Path, Path]:
    """(certificate, key) as PEM files in `folder`, for these host names and addresses and for this machine itself.

    The certificate is no authority: who puts it among their trusted ones trusts these hosts and nobody else.
    """
    certificate, key = folder / "self-signed.pem", folder / "self-signed.key"
    names = sorted({"localhost", "127.0.0.1", *hosts})
    if _is_usable(certificate, key, names, now):
        return certificate, key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(key, secret, 0o600)
    _write(certificate, _sign(private, names, now).public_bytes(Encoding.PEM), 0o644)
    log.info("made a self-signed certificate", file=str(certificate), hosts=names)
    return certificate, key


def _sign(private: ec.EllipticCurvePrivateKey, names: list[str], now: datetime) -> x509.Certificate:
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Callstream, self-signed")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    return (
        x509.CertificateBuilder(me, me, private.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + LASTS)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(private, hashes.SHA256())
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_usable(certificate: Path, key: Path, names: list[str], now: datetime) -> bool:
    """It can be read, the key belongs to it, it lasts, and it names all hosts."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = load_pem_private_key(key.read_bytes(), None)
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return (
        private.public_key() == found.public_key()
        and found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEWED_BEFORE
        and {_name(name) for name in names} <= set(named)
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """As a whole, and never readable by others on the way."""
    beside = path.with_suffix(path.suffix + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    beside.replace(path)
