"""A real nats-server for tests: free port, its own folder, can be killed and started again."""

import asyncio
import shutil
import signal
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callstream.runtime.connect import connect
from callstream_local.ports import free_port


class Server:
    """One nats-server process on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        program = Path(shutil.which("nats-server") or Path(nats.__file__).parents[4] / "bin" / "nats-server")
        self.process = await asyncio.create_subprocess_exec(
            program, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", self.folder,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(10):
            while not await self._listens():
                await asyncio.sleep(0.01)
            probe = await nats.connect(self.url)
            while True:
                try:
                    await probe.jetstream().account_info()
                    break
                except NatsError:
                    await asyncio.sleep(0.01)
            await probe.close()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        """kill -9; `start` again finds what was stored."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    async def connect(self) -> Client:
        return await connect(self.url, name="test")
