"""The frame of every service: connection, command handlers, health, metrics, start and drain.

    async def wire(service: Service) -> None:
        state = State()
        in_flight = service.in_flight()
        lease = service.lease("routing")
        service.follow([events_of("queue")], state.evolve, react=..., next_due=state.timers.next_due,
                       in_flight=in_flight, active=lease.held)
        service.on_command(QueuePosition, handle_queue_position)

    def main() -> None:
        run("routing", wire)

Start: settings, connection, `wire`, HTTP, configuration, leases, followers, command handlers, `on_start` hooks. SIGTERM
drains: not ready any more, new commands refused, those under way finished (bounded), appends answered, leases given back,
snapshots saved, connection closed. SIGINT, or a second SIGTERM, leaves at once. A kill -9 needs no drain: what counts is in
the log.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog
import uvloop
from nats.aio.client import Client

from callstream.contracts.commands import Command
from callstream.contracts.envelope import Recorded
from callstream.kernel.clock import Clock, SystemClock
from callstream.runtime.command_handlers import CommandHandlers, Handler
from callstream.runtime.commands import Commands
from callstream.runtime.config_watch import ArchiveKeys, Configuration, Credentials
from callstream.runtime.connect import connect
from callstream.runtime.follower import Follower
from callstream.runtime.http import CHECK_S, AsgiApp, Check, Health, HttpApp, HttpServer
from callstream.runtime.in_flight import InFlight
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.lease import Lease
from callstream.runtime.settings import InvalidSetting, Settings, read_settings
from callstream.runtime.shares import Shares, share_name
from callstream.runtime.snapshots import BucketSnapshots, Snapshot
from callstream.runtime.tasks import end
from callstream.runtime.telemetry import Tracer, configure_logging, make_tracer

DRAIN_S = 10.0
LAG_LIMIT = 5_000
"""Events behind which a follower counts as not ready."""

C = TypeVar("C", bound=Command)
Hook = Callable[[], Awaitable[None]]
Wire = Callable[["Service"], Awaitable[None]]

log = structlog.get_logger(__name__)


class Service:
    """What a service is wired on. Everything here is made before `wire` is called; nothing runs before it has returned."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.tracer: Tracer = make_tracer(settings)
        self.health = Health()
        self.commands_answered = CommandHandlers(tracer=self.tracer)
        self.on_start: list[Hook] = []
        """Awaited in order once everything else runs."""
        self.on_drain: list[Hook] = []
        """Awaited at a SIGTERM before anything is closed, each for at most `drain_s`."""
        self.drain_s = DRAIN_S
        self.on_stop: list[Hook] = []
        """Awaited in reverse order, also after a failed start."""
        self.nc: Client
        self.store: JetStreamStore
        self.commands: Commands
        self.config = Configuration()
        self.http_app = HttpApp(self.health)
        self.http = HttpServer(self.http_app, settings.http_host, settings.http_port)
        self._credentials: Credentials | None = None
        self._archive_keys: ArchiveKeys | None = None
        self._followers: list[Follower] = []
        self._in_flight: list[InFlight] = []
        self._leases: list[Lease] = []
        self._leaving = asyncio.Event()
        self._at_once = False
        self._lost = False

    # what `wire` calls

    def on_command(self, kind: type[C], handler: Handler[C], scope: str = "*") -> None:
        """Answer commands of `kind`; see command_handlers. `scope` narrows them, normally to `settings.instance`."""
        self.commands_answered.on(kind, handler, scope)

    def in_flight(self) -> InFlight:
        """Marks for a follower's appends; hand it to `follow` as well."""
        marks = InFlight(self.store)
        self._in_flight.append(marks)
        return marks

    def follow(
        self,
        filters: Sequence[str],
        evolve: Callable[[Recorded], None],
        *,
        name: str = "",
        react: Callable[[], None] | None = None,
        next_due: Callable[[], datetime | None] | None = None,
        in_flight: InFlight | None = None,
        active: Callable[[], bool] = lambda: True,
        snapshot: Snapshot | None = None,
    ) -> Follower:
        """A follower that is started, watched and stopped by the frame; see follower."""
        follower = Follower(
            self.store,
            filters,
            evolve,
            name=name or self.settings.service,
            clock=self.clock,
            react=react,
            next_due=next_due,
            in_flight=in_flight,
            active=active,
            snapshot=snapshot,
            snapshots=BucketSnapshots(self.nc, self.settings.instance),
        )
        self._followers.append(follower)
        self.health.checks[f"follower {follower.name}"] = _follower_check(follower)
        return follower

    def lease(self, name: str) -> Lease:
        """A lease that the frame seeks, keeps and gives back. Followers are woken when it changes hands.

        Commands are answered by the holder only, if the service has one lease; set `commands_answered.active` otherwise.
        """
        lease = self._lease(name)
        self.commands_answered.active = lambda _: lease.held()
        return lease

    def shares(self, name: str) -> Shares:
        """The leases by which the copies of a service share its tenants. A command is answered by who works for its scope."""
        count, own = self.settings.copies, self.settings.copy
        leases = [self._lease(share_name(name, share, count), yields=share != own) for share in range(count)]
        shares = Shares(leases)
        self.commands_answered.active = shares.held
        return shares

    def _lease(self, name: str, *, yields: bool = False) -> Lease:
        lease = Lease(self.nc, name, self.settings.instance, yields=yields)
        self._leases.append(lease)
        lease.on_change += [self._wake, self.commands_answered.take_over]
        self.health.checks[f"lease {name}"] = _lease_check(lease)
        return lease

    def credentials(self) -> Credentials:
        """The watched bucket of SIP credentials; only media-gateway may read it."""
        if self._credentials is None:
            self._credentials = Credentials()
            self.health.checks["credentials"] = _event_check(self._credentials.ready, "not read yet")
        return self._credentials

    def archive_keys(self) -> ArchiveKeys:
        """The watched bucket of keys to tenants' own buckets; only media-gateway and reporting may read it."""
        if self._archive_keys is None:
            self._archive_keys = ArchiveKeys()
            self.health.checks["archive keys"] = _event_check(self._archive_keys.ready, "not read yet")
        return self._archive_keys

    def mount(self, app: AsgiApp) -> None:
        """Serve `app` on every path that is not /livez, /readyz or /metrics."""
        self.http_app.mounted = app

    def check(self, name: str, check: Check) -> None:
        """Add a readiness check."""
        self.health.checks[name] = check

    # life

    def leave(self) -> None:
        """Ask for a drain, as SIGTERM does."""
        if self._leaving.is_set():
            self._at_once = True
        self._leaving.set()

    async def run(self, wire: Wire) -> None:
        """Start, serve until asked to leave, drain, stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.leave)
        loop.add_signal_handler(signal.SIGINT, self._leave_at_once)
        starting = asyncio.create_task(self.start(wire))
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            await asyncio.wait((starting, leaving), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await leaving
                if not self._at_once:
                    await self._drain()
        finally:
            await end(starting, leaving)
            await self.stop()
        if self._lost:
            raise SystemExit(1)

    async def start(self, wire: Wire) -> None:
        """Connect (waiting for the broker as long as it takes), wire, start everything.

        Health is served first. Followers wait for the configuration, and commands are answered once the followers are
        live: nothing is decided on half a state.
        """
        log.info("starting")
        self.nc = await connect(
            self.settings.nats_url,
            name=f"{self.settings.service}/{self.settings.instance}",
            user=self.settings.nats_user,
            password=self.settings.nats_password,
            closed=self._closed,
        )
        self.store = JetStreamStore(self.nc, self.settings.service, tracer=self.tracer)
        self.commands = Commands(self.nc)
        self.health.checks["nats"] = self._check_nats
        self.health.checks["configuration"] = _event_check(self.config.ready, "not read yet")
        self.health.checks["draining"] = self._check_draining
        await wire(self)
        await self.http.start()
        await self.config.watch(self.nc)
        for secrets in (self._credentials, self._archive_keys):
            if secrets is not None:
                await secrets.watch(self.nc)
                await secrets.ready.wait()
        await self.config.ready.wait()
        self.config.on_change.append(lambda *_: self._wake())
        for lease in self._leases:
            await lease.start()
        for follower in self._followers:
            await follower.start()
        for follower in self._followers:
            await follower.live.wait()
        await self.commands_answered.start(self.nc)
        for hook in self.on_start:
            await hook()
        _calm_collector()
        log.info("started")

    async def _drain(self) -> None:
        log.info("draining")
        for hook in self.on_drain:
            try:
                async with asyncio.timeout(self.drain_s):
                    await hook()
            except Exception:
                log.exception("drain hook failed")
        if not await self.commands_answered.drain(DRAIN_S):
            log.warning("commands were still under way")
        for marks in self._in_flight:
            await marks.settled(DRAIN_S)

    async def stop(self) -> None:
        """Stop everything, whatever state it is in."""
        self._leaving.set()
        steps: list[Hook] = [*reversed(self.on_stop), *[lease.stop for lease in self._leases]]
        steps += [follower.stop for follower in self._followers]
        steps += [self.config.stop, self.http.stop]
        steps += [secrets.stop for secrets in (self._credentials, self._archive_keys) if secrets is not None]
        steps += [self._disconnect, self._close]
        for step in steps:
            try:
                async with asyncio.timeout(DRAIN_S):
                    await step()
            except Exception:
                log.exception("not stopped cleanly", step=getattr(step, "__qualname__", str(step)))
        log.info("stopped")

    async def _disconnect(self) -> None:
        if hasattr(self, "nc"):
            if self.nc.is_connected:
                await self.nc.flush(timeout=1)
            await self.nc.close()

    async def _close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.tracer.shutdown)

    def _leave_at_once(self) -> None:
        self._at_once = True
        self._leaving.set()

    async def _closed(self) -> None:
        """The connection is gone for good, which no reconnect mends: leave, and be started anew."""
        if not self._leaving.is_set():
            log.error("connection closed for good")
            self._lost = True
            self._leave_at_once()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.wake()

    async def _check_nats(self) -> str:
        if not self.nc.is_connected:
            return "not connected"
        await self.nc.flush(timeout=2 * int(CHECK_S))  # the check itself is bounded by CHECK_S
        return ""

    async def _check_draining(self) -> str:
        return "going down" if self._leaving.is_set() else ""


def _calm_collector() -> None:
    """Let the garbage collector leave alone what lives as long as the process, and run a tenth as often: it looks for circles,
    and the paths that carry events make few. It took 11 % of reporting's CPU, and its long runs are pauses for everybody.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _event_check(event: asyncio.Event, otherwise: str) -> Check:
    async def check() -> str:
        return "" if event.is_set() else otherwise

    return check


def _follower_check(follower: Follower) -> Check:
    async def check() -> str:
        pending = follower.pending
        if not follower.live.is_set():
            return f"catching up, {pending} events to go"
        return f"{pending} events behind" if pending > LAG_LIMIT else ""

    return check


def _lease_check(lease: Lease) -> Check:
    async def check() -> str:
        return "" if lease.known.is_set() else "nobody is known to hold it"

    return check


def run(name: str, wire: Wire, configure: Callable[[Settings], Any] | None = None) -> None:
    """The whole life of a service process. `configure` may check the service's own settings before anything starts.

    Exits with a clear message when a setting is wrong.
    """
    try:
        settings = read_settings(name)
    except InvalidSetting as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    configure_logging(settings.service, settings.instance, settings.log_level)
    if configure is not None:
        configure(settings)

    async def main() -> None:
        await Service(settings).run(wire)

    uvloop.run(main())
