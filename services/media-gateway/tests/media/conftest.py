"""A media worker process, a client to it and phones with ears."""

import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from callstream_media_gateway.media.peer import RtpPeers

from .rig import Rig, start_worker


@pytest.fixture
async def phones() -> AsyncIterator[RtpPeers]:
    async with RtpPeers() as peers:
        yield peers


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start_worker(tmp_path)
    yield process
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()


@pytest.fixture
async def rig(tmp_path: Path, worker: subprocess.Popen[bytes], phones: RtpPeers) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, worker, phones)
    await rig.attach()
    yield rig
    await rig.client.close()
