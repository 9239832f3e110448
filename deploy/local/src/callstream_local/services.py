"""The programs of one copy, and what each is told. The environment is their only configuration."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from callstream_local.config import StackOptions, part_names, passed_for_hooks, passed_on, passed_to_sip
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.embedded.postgres import EmbeddedPostgres
from callstream_local.folder import DataFolder
from callstream_local.keys import token_keys
from callstream_local.supervise.child import Program

ADMIN_EMAIL = "admin@localhost"
SOCKET_PATH_LIMIT = 100
"""unix(7) allows 108 bytes."""


@dataclass(frozen=True)
class Service:
    """One process.

    `stage` orders the stop, the highest first: the gateway ends its calls while those who record that still run.
    `media_worker`: takes arguments instead of variables, and shows that it is ready by its socket instead of by HTTP.
    """

    name: str
    module: str
    stage: int = 1
    nats_user: str | None = None
    database: str | None = None
    sip: bool = False
    media_worker: bool = False
    signs_tokens: bool = False
    verifies_tokens: bool = False
    public_http: bool = False
    stop_grace_s: float = 10.0
    prompt: bool = False
    """It stands between a free agent and the ringing phone."""
    part: str = ""
    """What this process is called in the copy; the service's own name unless there are several of them."""
    copy: int = 0
    copies: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "part", self.part or self.name)


SERVICES = (
    Service("media-worker", "callstream_media_gateway.media.worker", media_worker=True, stop_grace_s=15.0),
    # Longer than CALLSTREAM_GATEWAY_DRAIN_S, which is 20 s unless told otherwise.
    Service("media-gateway", "callstream_media_gateway.main", 2, nats_user="media-gateway", sip=True, stop_grace_s=25.0),
    Service("ivr", "callstream_ivr.main", nats_user="ivr"),
    Service("routing", "callstream_routing.main", nats_user="routing", verifies_tokens=True, public_http=True, prompt=True),
    Service("agent-state", "callstream_agent_state.main", nats_user="agent-state", prompt=True),
    Service(
        "reporting",
        "callstream_reporting.main",
        nats_user="reporting",
        database="reporting",
        verifies_tokens=True,
        public_http=True,
    ),
    Service(
        "console",
        "callstream_console.main",
        nats_user="console",
        database="console",
        signs_tokens=True,
        verifies_tokens=True,
        public_http=True,
    ),
)


def replicated(services: Iterable[Service], options: StackOptions) -> list[Service]:
    """Each service as often as the options say."""
    return [
        replace(service, part=part, copy=copy, copies=options.replicas.get(service.name, 1))
        for service in services
        for copy, part in enumerate(part_names(service.name, options.replicas.get(service.name, 1)))
    ]


@dataclass(frozen=True)
class Place:
    """Where everything is in one running copy."""

    folder: DataFolder
    options: StackOptions
    nats: EmbeddedNats
    postgres: EmbeddedPostgres
    http_ports: dict[str, int]
    sip_port: int
    sip_doors: dict[str, int]
    """Ports of tls, wss and, when asked for, ws."""
    rtp_ports: tuple[int, int]


def media_socket(folder: DataFolder) -> Path:
    """The Unix socket between signalling and media; in the temporary folder when the data folder's path is too long."""
    path = folder.directory("run") / "media.sock"
    if len(str(path)) <= SOCKET_PATH_LIMIT:
        return path
    name = hashlib.sha256(str(folder.root).encode()).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"callstream-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.geteuid() or short.stat().st_mode & 0o077:
        raise PermissionError(f"{short} is not ours alone; remove it")
    return short / "media.sock"


def http_host(service: Service, options: StackOptions) -> str:
    """Where a service's HTTP listens: what people use follows `listen`, health and metrics stay on loopback."""
    return options.listen if service.public_http else "127.0.0.1"


def environment(service: Service, place: Place) -> dict[str, str]:
    """The variables of one service; it is given no secret that it does not need."""
    folder, options = place.folder, place.options
    variables = passed_on() | {
        "PYTHONUNBUFFERED": "1",
        "CALLSTREAM_SERVICE": service.name,
        "CALLSTREAM_INSTANCE": f"{service.name}-{service.copy}",
        "CALLSTREAM_COPY": f"{service.copy}/{service.copies}",
        "CALLSTREAM_DATA_DIR": str(folder.directory("files")),
        "CALLSTREAM_LOG_LEVEL": options.log_level,
    }
    if not service.media_worker:
        variables["CALLSTREAM_HTTP_HOST"] = http_host(service, options)
        variables["CALLSTREAM_HTTP_PORT"] = str(place.http_ports[service.part])
    if service.nats_user is not None:
        variables["CALLSTREAM_NATS_URL"] = place.nats.address
        variables["CALLSTREAM_NATS_USER"] = service.nats_user
        variables["CALLSTREAM_NATS_PASSWORD"] = place.nats.password(service.nats_user)
    if service.name in ("ivr", "reporting", "media-gateway", "console"):
        variables |= passed_for_hooks()
    if service.database is not None:
        variables["CALLSTREAM_DATABASE_URL"] = place.postgres.url(service.database)
    if service.sip:
        variables["CALLSTREAM_SIP_HOST"] = options.listen
        variables["CALLSTREAM_SIP_PORT"] = str(place.sip_port)
        variables |= {f"CALLSTREAM_SIP_{name.upper()}_PORT": str(port) for name, port in place.sip_doors.items()}
        variables |= passed_to_sip()
        variables["CALLSTREAM_MEDIA_SOCKET"] = str(media_socket(folder))
    private_key, public_key = token_keys(folder)
    if service.signs_tokens:
        variables["CALLSTREAM_JWT_PRIVATE_KEY_FILE"] = str(private_key)
        variables["CALLSTREAM_ADMIN_EMAIL"] = ADMIN_EMAIL
        variables["CALLSTREAM_ADMIN_PASSWORD"] = folder.secret("admin")
    if service.verifies_tokens:
        variables["CALLSTREAM_JWT_PUBLIC_KEY_FILE"] = str(public_key)
    return variables


def arguments(service: Service, place: Place) -> tuple[str, ...]:
    """What the media worker is told; the others take none."""
    if not service.media_worker:
        return ()
    return (
        *("--socket", str(media_socket(place.folder))),
        *("--rtp-host", place.options.listen),
        *("--rtp-ports", "{}-{}".format(*place.rtp_ports)),
        *("--recordings", str(place.folder.directory("files") / "recordings")),
        # The gateway has drained its calls before the worker is asked to leave.
        *("--grace-s", "5"),
    )


def program(service: Service, place: Place) -> Program:
    """How to run it."""
    return Program(
        name=service.part,
        argv=(sys.executable, "-P", "-m", service.module, *arguments(service, place)),
        log=place.folder.directory("logs") / f"{service.part}.log",
        env=environment(service, place),
        stop_grace_s=service.stop_grace_s,
        prompt=service.prompt,
    )
