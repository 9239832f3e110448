"""The gateway's own environment; what every service reads is in callstream.runtime."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from callstream.runtime.bucket import BucketSettings, read_bucket


class ConfigError(Exception):
    """A variable that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Where the gateway listens, where its media worker is, and where it keeps files.

    sip_advertised_host: the address that peers reach us under when it is another than the bound one, or None.
    media_timeout_s: silence on an answered leg after which its call is ended; 0 = never.
    drain_s: how long running calls may go on after SIGTERM.
    sip_tls_port, sip_ws_port, sip_wss_port: None: not listened on; 0: a free one.
    tls_given: certificate and key, PEM files; None: a self-signed certificate is made.
    tls_authorities: whom connections of ours believe, instead of the system's authorities; None: those.
    bucket: where finished recordings go; None: they stay in the local directory.
    ws_origins: pages that may open WebSockets; None: all (phones prove their password all the same).
    """

    sip_host: str
    sip_port: int
    sip_advertised_host: str | None
    media_socket: Path
    data_dir: Path
    media_timeout_s: int
    drain_s: int
    sip_tls_port: int | None = None
    sip_ws_port: int | None = None
    sip_wss_port: int | None = None
    tls_given: tuple[Path, Path] | None = None
    tls_authorities: Path | None = None
    tls_verify: bool = True
    ws_origins: tuple[str, ...] | None = None
    max_connections: int = 4000
    bucket: BucketSettings | None = None

    @property
    def recordings(self) -> Path:
        """Root of the recordings store; the media worker has the same."""
        return self.data_dir / "recordings"

    @property
    def state(self) -> Path:
        """What this gateway remembers between runs."""
        return self.data_dir / "gateway"


def load(environ: Mapping[str, str] = os.environ) -> GatewayConfig:
    """Read it. Raises ConfigError."""
    host = environ.get("CALLSTREAM_SIP_HOST", "127.0.0.1")
    try:
        ip_address(host)
    except ValueError:
        raise ConfigError(f"CALLSTREAM_SIP_HOST must be an IP address, not {host!r}") from None
    certificate, key = (_file(environ, f"CALLSTREAM_SIP_TLS_{what}_FILE") for what in ("CERT", "KEY"))
    if (certificate is None) != (key is None):
        raise ConfigError("CALLSTREAM_SIP_TLS_CERT_FILE and CALLSTREAM_SIP_TLS_KEY_FILE belong together: set both or none")
    try:
        bucket = read_bucket(environ)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return GatewayConfig(
        sip_host=host,
        sip_port=_number(environ, "CALLSTREAM_SIP_PORT", 5060, 65535),
        sip_advertised_host=environ.get("CALLSTREAM_SIP_ADVERTISED_HOST") or None,
        media_socket=Path(_needed(environ, "CALLSTREAM_MEDIA_SOCKET")),
        data_dir=Path(_needed(environ, "CALLSTREAM_DATA_DIR")).absolute(),
        media_timeout_s=_number(environ, "CALLSTREAM_GATEWAY_MEDIA_TIMEOUT_S", 30, 86_400),
        drain_s=_number(environ, "CALLSTREAM_GATEWAY_DRAIN_S", 15, 86_400),
        sip_tls_port=_door(environ, "CALLSTREAM_SIP_TLS_PORT"),
        sip_ws_port=_door(environ, "CALLSTREAM_SIP_WS_PORT"),
        sip_wss_port=_door(environ, "CALLSTREAM_SIP_WSS_PORT"),
        tls_given=(certificate, key) if certificate and key else None,
        tls_authorities=_file(environ, "CALLSTREAM_SIP_TLS_CA_FILE"),
        tls_verify=_switch(environ, "CALLSTREAM_SIP_TLS_VERIFY", default=True),
        ws_origins=_origins(environ, "CALLSTREAM_SIP_WS_ORIGINS"),
        max_connections=_number(environ, "CALLSTREAM_SIP_MAX_CONNECTIONS", 4000, 1_000_000),
        bucket=bucket,
    )


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigError(f"{name} must be set")
    return value


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) > most:
        raise ConfigError(f"{name} must be a whole number from 0 to {most}, not {text!r}")
    return int(text)


def _door(environ: Mapping[str, str], name: str) -> int | None:
    return _number(environ, name, 0, 65535) if environ.get(name) else None


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if not text:
        return None
    path = Path(text).absolute()
    if not path.is_file():
        raise ConfigError(f"{name}: there is no file {text}")
    return path


def _switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name) or ("on" if default else "off")
    if text not in ("on", "off"):
        raise ConfigError(f"{name} must be on or off, not {text!r}")
    return text == "on"


def _origins(environ: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    """`https://desk.example https://other.example:8443`, as browsers send them (RFC 6454 7)."""
    found = tuple((environ.get(name) or "").split())
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or f"{parts.scheme}://{parts.netloc}" != origin:
            raise ConfigError(f"{name}: {origin!r} is no origin such as https://desk.example")
    return found or None
