"""Encodes recordings in a child process of low priority: a long recording delays neither SIP nor audio.

The child is started with the first recording and leaves when its standard input closes, so it never outlives us. One that
dies takes down only the recording it had in hand; the next one starts it anew.
"""

import asyncio
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
    """One recording after the other, in the order in which they are asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def encode(self, wav: Path) -> Finished:
        """Write the MP3 beside the wav. Repeating it gives the same file. Raises EncodingFailed."""
        async with self._turn:
            try:
                async with asyncio.timeout(MOST_S):
                    answer = await self._ask(wav)
            except (OSError, TimeoutError, msgspec.DecodeError) as error:
                await self.stop()
                raise EncodingFailed(f"the encoder failed: {error or type(error).__name__}") from error
        if answer.error:
            raise EncodingFailed(answer.error)
        return Finished(answer.path, answer.duration_ms, answer.size_bytes, answer.sha256)

    async def _ask(self, wav: Path) -> Answer:
        child = self._child
        if child is None or child.returncode is not None:
            child = self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "callstream_media_gateway.adapters.encoder_child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        if child.stdin is None or child.stdout is None:
            raise OSError("the encoder has no pipes")
        child.stdin.write(msgspec.json.encode(Order(str(self._root), str(wav))) + b"\n")
        await child.stdin.drain()
        line = await child.stdout.readline()
        if not line:
            raise OSError(f"the encoder ended ({await child.wait()})")
        return msgspec.json.decode(line, type=Answer)

    async def stop(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()
