"""One copy of Callstream: the embedded servers and every service, kept running in one data folder.

    async with Stack(folder) as stack:
        stack.http("console"), stack.sip_addr, stack.nats_url()

What happens when a part fails: it is started again with back-off, the others keep running and reconnect. When this process
itself is killed, the kernel kills every child, the lock falls, and the next start finds the state in the data folder.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from callstream.runtime.streams import declare
from callstream_local import health, services, state
from callstream_local.config import StackOptions
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.embedded.nats_permissions import OPERATOR
from callstream_local.embedded.postgres import EmbeddedPostgres
from callstream_local.embedded.postgres_leftovers import clear_leftovers
from callstream_local.folder import DataFolder
from callstream_local.lock import FolderLock
from callstream_local.ports import keep_port, take_rtp_block
from callstream_local.services import SERVICES, Place, Service, replicated
from callstream_local.supervise.child import Program, last_lines
from callstream_local.supervise.keeper import Keeper, nothing
from callstream_local.supervise.rotation import rotate

READY_WITHIN_S = 60.0
ENDS_AT_START = 3
"""A service that ended so often before it was ready once will not get ready: the start fails at once and says why."""
ROTATE_EVERY_S = 5.0


class StackError(Exception):
    """The copy could not be started; the message names the part and holds the end of its log."""


class Stack:
    """See the module's docstring. One instance starts once."""

    def __init__(self, data_dir: Path, options: StackOptions | None = None, *, services: Sequence[Service] = SERVICES) -> None:
        self.folder = DataFolder(data_dir)
        self.options = options or StackOptions()
        self.services = {service.part: service for service in replicated(services, self.options)}
        self.start_seconds: dict[str, float] = {}
        """Seconds from the beginning of the start until each part was ready."""
        self._lock = FolderLock(self.folder)
        self._keepers: dict[str, Keeper] = {}
        self._began = 0.0
        self._started_at = datetime.now(UTC)
        self._ready = False
        self._place: Place | None = None
        self._rtp_guard: socket.socket | None = None
        self._rotation: asyncio.Task[None] | None = None

    # places

    @property
    def place(self) -> Place:
        if self._place is None:
            raise StackError("the stack is not started")
        return self._place

    @property
    def sip_addr(self) -> tuple[str, int]:
        """(host, port), UDP and TCP."""
        return self.options.listen, self.place.sip_port

    @property
    def sip_doors(self) -> dict[str, str]:
        """Where SIP listens besides: tls as host:port, wss (and ws when it was asked for) as the URL of a WebSocket."""
        at = {name: f"{self.options.listen}:{port}" for name, port in self.place.sip_doors.items()}
        return {name: address if name == "tls" else f"{name}://{address}" for name, address in at.items()}

    def http(self, name: str) -> str:
        """The base URL of a service's HTTP, without a slash at the end."""
        host, port = self._http_addr(name)
        return f"http://{host}:{port}"

    def nats_url(self, user: str = OPERATOR) -> str:
        """nats://user:password@host:port; the client must set the inbox prefix `_INBOX.<user>`."""
        return self.place.nats.url(user)

    @property
    def nats(self) -> EmbeddedNats:
        """For `await stack.nats.connect(user)`."""
        return self.place.nats

    def database_url(self, role: str) -> str:
        """postgresql://… of console, reporting or analyst."""
        return self.place.postgres.url(role)

    @property
    def admin(self) -> tuple[str, str]:
        """(e-mail, password) of the first administrator."""
        return services.ADMIN_EMAIL, self.folder.secret("admin")

    @property
    def files(self) -> Path:
        """The folder of recordings, prompts and spoken texts."""
        return self.folder.directory("files")

    def log_path(self, name: str) -> Path:
        return self._keeper(name).program.log

    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, servers included, by name."""
        return {name: keeper.pid for name, keeper in self._keepers.items() if keeper.pid is not None}

    def restarts(self) -> dict[str, int]:
        """How often each part has ended and been started again."""
        return {name: keeper.restarts for name, keeper in self._keepers.items()}

    # lifecycle

    async def start(self) -> None:
        """Return when every part is ready. Raises FolderInUseError, PortError, ServerError or StackError."""
        self._began = time.monotonic()
        self._lock.acquire()
        try:
            state.remove(self.folder)  # of a supervisor that was killed
            await self._start_servers()
            for service in self.services.values():
                self._keep(services.program(service, self.place))
            await self._all_ready(*self.services)
        except BaseException:
            await self.stop()
            raise
        self._ready = True
        self._write_state()
        self._rotation = asyncio.create_task(self._rotate(), name="log rotation")

    async def _start_servers(self) -> None:
        options = self.options
        nats = EmbeddedNats(
            self.folder,
            durability=options.durability,
            port=options.ports.get("nats"),
            monitor_port=options.ports.get("nats_monitor"),
        )
        postgres = EmbeddedPostgres(self.folder, durability=options.durability, port=options.ports.get("postgres"))
        *rtp_ports, self._rtp_guard = take_rtp_block(self.folder, options.listen, configured=options.ports.get("rtp"))
        self._place = Place(
            folder=self.folder,
            options=options,
            nats=nats,
            postgres=postgres,
            http_ports={
                service.part: keep_port(
                    self.folder,
                    service.part,
                    services.http_host(service, options),
                    configured=options.ports.get(service.part),
                )
                for service in self.services.values()
                if not service.media_worker
            },
            sip_port=keep_port(self.folder, "sip", options.listen, configured=options.ports.get("sip"), udp=True),
            sip_doors={
                name: keep_port(self.folder, f"sip_{name}", options.listen, configured=options.ports.get(f"sip_{name}"))
                for name in ("tls", "wss", "ws")
                if name != "ws" or "sip_ws" in options.ports
            },
            rtp_ports=(rtp_ports[0], rtp_ports[1]),
        )
        self._keep(nats.prepare())
        self._keep(await postgres.prepare(), lambda: clear_leftovers(postgres.data))
        await self._all_ready("nats", "postgres")
        operator = await nats.connect()
        try:
            await declare(operator)
        finally:
            await operator.close()

    def _keep(self, program: Program, prepare: Callable[[], Awaitable[None]] = nothing) -> None:
        keeper = Keeper(program, prepare=prepare, changed=self._write_state)
        self._keepers[program.name] = keeper
        keeper.start()

    async def ready(self, name: str, *, within_s: float = READY_WITHIN_S) -> None:
        """Return when this part answers that it is ready (after a kill: when it is back). Raises StackError."""
        keeper = self._keeper(name)
        if name == "nats":
            await self.place.nats.ready()
        elif name == "postgres":
            await self.place.postgres.ready()
        else:
            deadline = time.monotonic() + within_s
            while keeper.pid is None or not await self._is_ready(name):
                if time.monotonic() > deadline or (not self._ready and keeper.restarts >= ENDS_AT_START):
                    raise StackError(self._complaint(keeper))
                await asyncio.sleep(0.1)
        self.start_seconds.setdefault(name, time.monotonic() - self._began)

    async def _is_ready(self, name: str) -> bool:
        if self.services[name].media_worker:
            return health.listens(services.media_socket(self.folder))
        return await health.is_ready(*self._http_addr(name))

    async def _all_ready(self, *names: str) -> None:
        """Return when all are; the first complaint ends the waiting for the others."""
        waiting = [asyncio.create_task(self.ready(name)) for name in names]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def kill(self, name: str) -> int:
        """kill -9 of one part, which is started again at once; its process id. Await `ready(name)` for its return."""
        keeper = self._keeper(name)
        pid = keeper.pid
        if pid is None:
            raise StackError(f"{name} does not run now")
        await keeper.kill()
        return pid

    async def stop(self) -> None:
        """Stop the gateway, which ends its calls; the other services, which record that; PostgreSQL; NATS."""
        if self._rotation is not None:
            self._rotation.cancel()
        stages = [[name for name, service in self.services.items() if service.stage == stage] for stage in (2, 1)]
        for stage in [*stages, ["postgres"], ["nats"]]:
            await asyncio.gather(*(self._keepers[name].stop() for name in stage if name in self._keepers))
        state.remove(self.folder)
        if self._rtp_guard is not None:
            self._rtp_guard.close()
        self._lock.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    # inside

    def _keeper(self, name: str) -> Keeper:
        try:
            return self._keepers[name]
        except KeyError:
            raise StackError(f"there is no {name!r} here; there are {', '.join(self._keepers)}") from None

    def _http_addr(self, name: str) -> tuple[str, int]:
        if name not in self.place.http_ports:
            raise StackError(f"there is no HTTP service {name!r} here; there are {', '.join(self.services)}")
        return services.http_host(self.services[name], self.options), self.place.http_ports[name]

    def _complaint(self, keeper: Keeper) -> str:
        program = keeper.program
        ended = f" and ended {keeper.restarts} times (status {keeper.last_status})" if keeper.restarts else ""
        return f"{program.name} does not get ready{ended}. {program.log} ends with:\n{last_lines(program.log)}"

    async def _rotate(self) -> None:
        while True:
            for keeper in self._keepers.values():
                with suppress(OSError):
                    rotate(keeper.program.log)
            await asyncio.sleep(ROTATE_EVERY_S)

    def _write_state(self) -> None:
        place = self.place
        parts = {
            name: state.Part(
                pid=keeper.pid,
                restarts=keeper.restarts,
                http=self.http(name) if name in place.http_ports else "",
                problem=keeper.problem,
            )
            for name, keeper in self._keepers.items()
        }
        now = state.State(
            started_at=self._started_at,
            ready=self._ready,
            sip=f"{self.options.listen}:{place.sip_port}",
            sip_doors=self.sip_doors,
            rtp="{}-{}".format(*place.rtp_ports),
            nats=place.nats.address,
            postgres=f"127.0.0.1:{place.postgres.port}",
            parts=parts,
        )
        with suppress(OSError):  # a full disk makes `status` stale, and must not end the keeping
            state.write(self.folder, now)
