"""What the deployment may be told, and the only place that reads its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from callstream_local.embedded.nats import Durability

PORT_NAMES = (
    *("sip", "rtp", "nats", "nats_monitor", "postgres"),
    *("media-gateway", "ivr", "routing", "agent-state", "reporting", "console"),
)

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "PYTHONPATH")
"""What the services inherit, with OTEL_*; the rest of the caller's environment (keys, tokens) is none of their business."""


@dataclass(frozen=True)
class StackOptions:
    """What one copy may be told. Raises ValueError, naming the field.

    `ports` by name: sip, rtp (the first of a block), nats, nats_monitor, postgres, or a service's name for its HTTP.

    `listen`: where SIP, RTP and the HTTP of console and reporting listen; everything else stays on loopback.
    """

    listen: str = "127.0.0.1"
    durability: Durability = "safe"
    ports: Mapping[str, int] = field(default_factory=dict)
    log_level: str = "info"

    def __post_init__(self) -> None:
        try:
            address = IPv4Address(self.listen)
        except ValueError:
            address = None
        if address is None or address.is_unspecified or address.is_multicast:
            # Phones are told this address for their audio, so it cannot stand for all of them.
            raise ValueError(f"listen: {self.listen!r} should be one IPv4 address of this machine")
        for name in self.ports:
            if name not in PORT_NAMES:
                raise ValueError(f"ports: there is no port {name!r}; there are {', '.join(PORT_NAMES)}")


def data_folder(given: Path | None = None) -> Path:
    """The data folder: as given, or $CALLSTREAM_DATA, or ./.callstream."""
    return given or Path(os.environ.get("CALLSTREAM_DATA") or ".callstream")


def passed_on() -> dict[str, str]:
    """The part of our environment that services inherit."""
    return {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("OTEL_")}
