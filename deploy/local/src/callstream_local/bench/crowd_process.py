"""The load generator, seen from the benchmark: started, asked, ended."""

import asyncio
import sys

import msgspec

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import Broken, KeepWaiting, Outcome, PlaceCalls, Ready, Setup
from callstream_local.bench.waiting import KNOWN_WITHIN_S, until


class CrowdProcess:
    """`start`, then any number of orders, then `stop`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, setup: Setup) -> None:
        """Start it and register the phones; repeated while the gateway does not know them yet. Raises CannotMeasure."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "callstream_local.bench.crowd"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**26,
        )
        ready = await until(lambda: self._ask(setup), lambda answer: isinstance(answer, Ready), KNOWN_WITHIN_S)
        if isinstance(ready, Broken):
            raise CannotMeasure(ready.error)

    async def ask(self, order: PlaceCalls | KeepWaiting) -> Outcome:
        """Have an order carried out. Raises CannotMeasure."""
        answer = await self._ask(order)
        if not isinstance(answer, Outcome):
            raise CannotMeasure(str(answer))
        return answer

    async def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _ask(self, order: Setup | PlaceCalls | KeepWaiting) -> Ready | Broken | Outcome:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise CannotMeasure("the load generator does not run")
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise CannotMeasure("the load generator ended")
        return msgspec.json.decode(line, type=Ready | Broken | Outcome)
