"""What the deployment may be told, and the only place that reads its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from callstream_local.embedded.nats import Durability

PORT_NAMES = (
    *("sip", "sip_tls", "sip_wss", "sip_ws", "rtp", "nats", "nats_monitor", "postgres"),
    *("media-gateway", "ivr", "routing", "agent-state", "reporting", "console"),
)

REPLICATED = ("routing", "agent-state")
"""Services that may run in several copies."""
MOST_COPIES = 16

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "PYTHONPATH")
"""What the services inherit, with OTEL_*; the rest of the caller's environment (keys, tokens) is none of their business."""
PASSED_TO_SIP = ("CERT_FILE", "KEY_FILE", "CA_FILE", "VERIFY")
"""What media-gateway inherits besides, behind CALLSTREAM_SIP_TLS_."""


@dataclass(frozen=True)
class StackOptions:
    """What one copy may be told. Raises ValueError, naming the field.

    `ports` by name: sip, sip_tls, sip_wss, sip_ws (without TLS: opened only when it is named here), rtp (the first of a
    block), nats, nats_monitor, postgres, or a service's name for its HTTP.
    `replicas`: copies of routing and agent-state, which share the tenants and stand by for each other; of two, the parts (and
    ports) are called routing-0 and routing-1.

    `listen`: where SIP, RTP and the HTTP of console and reporting listen; everything else stays on loopback.
    """

    listen: str = "127.0.0.1"
    durability: Durability = "safe"
    ports: Mapping[str, int] = field(default_factory=dict)
    log_level: str = "info"
    replicas: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            address = IPv4Address(self.listen)
        except ValueError:
            address = None
        if address is None or address.is_unspecified or address.is_multicast:
            # Phones are told this address for their audio, so it cannot stand for all of them.
            raise ValueError(f"listen: {self.listen!r} should be one IPv4 address of this machine")
        for name, copies in self.replicas.items():
            if name not in REPLICATED:
                raise ValueError(f"replicas: {name!r} runs once; several copies may be of {', '.join(REPLICATED)}")
            if not 1 <= copies <= MOST_COPIES:
                raise ValueError(f"replicas: {copies} copies of {name}; possible are 1 to {MOST_COPIES}")
        names = [part for name in PORT_NAMES for part in part_names(name, self.replicas.get(name, 1))]
        for name in self.ports:
            if name not in names:
                raise ValueError(f"ports: there is no port {name!r}; there are {', '.join(names)}")


def part_names(service: str, copies: int) -> list[str]:
    """What the processes of a service are called."""
    return [service] if copies == 1 else [f"{service}-{copy}" for copy in range(copies)]


def data_folder(given: Path | None = None) -> Path:
    """The data folder: as given, or $CALLSTREAM_DATA, or ./.callstream."""
    return given or Path(os.environ.get("CALLSTREAM_DATA") or ".callstream")


def passed_on() -> dict[str, str]:
    """The part of our environment that services inherit."""
    return {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("OTEL_")}


def passed_to_sip() -> dict[str, str]:
    """The certificates of our own environment, for media-gateway."""
    names = [f"CALLSTREAM_SIP_TLS_{name}" for name in PASSED_TO_SIP]
    return {name: os.environ[name] for name in (*names, "CALLSTREAM_SIP_WS_ORIGINS") if name in os.environ}


def passed_for_hooks() -> dict[str, str]:
    """The origins of tenants' that may be asked (F093), told (F203) and stored at (F204), and where they reach reporting."""
    return {name: os.environ[name] for name in ("CALLSTREAM_HOOK_ORIGINS", "CALLSTREAM_REPORTING_URL") if name in os.environ}
