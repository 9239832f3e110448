"""TLS contexts for SIP (RFC 3261 26.2, RFC 5922): who we are to those who connect, and whom we believe when we do."""

from __future__ import annotations

import ssl
from pathlib import Path


def serving(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later with this certificate chain (PEM). Raises OSError, ssl.SSLError among them, for unusable files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def calling(authorities: Path | None = None, *, verify: bool = True, identity: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """For connections of our own. authorities: a PEM file of CAs to believe instead of the system's.

    The peer's certificate must name the host that was asked for (RFC 5922 7.2): the host of the URI, which is also sent as
    SNI. identity: our certificate and its key, for peers that ask who we are, as some carriers do. Raises OSError,
    ssl.SSLError among them, for an unusable file.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authorities)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if identity is not None:
        context.load_cert_chain(*identity, password=_no_password)
    return context


def _no_password() -> str:
    """An encrypted key is refused; OpenSSL would ask at the terminal."""
    raise ssl.SSLError("the key is encrypted")
