"""The gateway's own environment; what every service reads is in callstream.runtime."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path


class ConfigError(Exception):
    """A variable that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Where the gateway listens, where its media worker is, and where it keeps files.

    sip_advertised_host: the address that peers reach us under when it is another than the bound one, or None.
    media_timeout_s: silence on an answered leg after which its call is ended; 0 = never.
    drain_s: how long running calls may go on after SIGTERM.
    """

    sip_host: str
    sip_port: int
    sip_advertised_host: str | None
    media_socket: Path
    data_dir: Path
    media_timeout_s: int
    drain_s: int

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
    return GatewayConfig(
        sip_host=host,
        sip_port=_number(environ, "CALLSTREAM_SIP_PORT", 5060, 65535),
        sip_advertised_host=environ.get("CALLSTREAM_SIP_ADVERTISED_HOST") or None,
        media_socket=Path(_needed(environ, "CALLSTREAM_MEDIA_SOCKET")),
        data_dir=Path(_needed(environ, "CALLSTREAM_DATA_DIR")).absolute(),
        media_timeout_s=_number(environ, "CALLSTREAM_GATEWAY_MEDIA_TIMEOUT_S", 30, 86_400),
        drain_s=_number(environ, "CALLSTREAM_GATEWAY_DRAIN_S", 15, 86_400),
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
