"""Encodes recordings in child processes of low priority: a long recording delays neither SIP nor audio, nor a short one.

The first child is started with the first recording, another one only when all are at work; each leaves when its standard input
closes, so it never outlives us. One that dies takes down only the recording it had in hand.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from callstream_media_gateway.adapters.encoder_child import Answer, Order
from callstream_media_gateway.adapters.recordings import Finished

MOST_S = 600.0
"""Longest time for one recording; the encoder is some hundred times faster than speech."""


class EncodingFailed(Exception):
    """There is no MP3; the message says why."""


class Encoder:
    """As many recordings at a time as there are cores, begun in the order in which they are asked for (F199)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.children: list[asyncio.subprocess.Process] = []
        """All that live."""
        self._idle: list[asyncio.subprocess.Process] = []
        self._places = asyncio.Semaphore(os.cpu_count() or 1)

    async def encode(self, wav: Path) -> Finished:
        """Write the MP3 beside the wav. Repeating it gives the same file. Raises EncodingFailed."""
        async with self._places:
            answer: Answer | None = None
            child = await self._take()
            try:
                async with asyncio.timeout(MOST_S):
                    answer = await self._ask(child, wav)
            except (OSError, TimeoutError, msgspec.DecodeError) as error:
                raise EncodingFailed(f"the encoder failed: {error or type(error).__name__}") from error
            finally:
                if answer is None:
                    await self._end(child)
                else:
                    self._idle.append(child)
        if answer.error:
            raise EncodingFailed(answer.error)
        return Finished(answer.path, answer.duration_ms, answer.size_bytes, answer.sha256)

    async def _take(self) -> asyncio.subprocess.Process:
        """One that is idle and lives, or a new one."""
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:
                return child
            await self._end(child)
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "callstream_media_gateway.adapters.encoder_child"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise EncodingFailed(f"no encoder can be started: {error}") from error
        self.children.append(child)
        return child

    async def _ask(self, child: asyncio.subprocess.Process, wav: Path) -> Answer:
        if child.stdin is None or child.stdout is None:
            raise OSError("the encoder has no pipes")
        child.stdin.write(msgspec.json.encode(Order(str(self._root), str(wav))) + b"\n")
        await child.stdin.drain()
        line = await child.stdout.readline()
        if not line:
            raise OSError(f"the encoder ended ({await child.wait()})")
        return msgspec.json.decode(line, type=Answer)

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        if child in self.children:
            self.children.remove(child)
        if child.returncode is None:
            child.kill()
        await child.wait()

    async def stop(self) -> None:
        """End the children."""
        self._idle.clear()
        for child in list(self.children):
            await self._end(child)
