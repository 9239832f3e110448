"""How many browser legs one core carries: a worker on one core, the browsers of `browser_load.py` on another.

`python -m callstream_media_gateway.media.browser_bench [LEGS] [SECONDS]` prints the figures as JSON. Pairs of legs are
bridged, so each decrypts 50 packets a second and encrypts 50.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from callstream_media_gateway.media.bench import HOST, SETTLE_S, figures, machine, worker_process
from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.worker_commands import CreateLeg, DtlsPeer, IceLogin

_LOGIN = IceLogin("bench", "password+of+the+browser+bench")


async def _measure(directory: Path, legs: int, seconds: float, core: int) -> dict[str, Any]:
    client = await MediaClient.connect(str(directory / "media.sock"), lambda _: None)
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callstream_media_gateway.media.browser_load", str(legs)),
        *(str(seconds + 2 * SETTLE_S), HOST),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=4 * 1024 * 1024,
    )
    try:
        os.sched_setaffinity(load.pid, {core})
        assert load.stdin is not None and load.stdout is not None  # noqa: S101, PT018
        ports = await _set_up(client, json.loads(await load.stdout.readline()))
        assert client.snapshot is not None  # noqa: S101
        told = {"login": [_LOGIN.ufrag, _LOGIN.password], "fingerprint": client.snapshot.fingerprint, "ports": ports}
        load.stdin.write(json.dumps(told).encode() + b"\n")
        await load.stdout.readline()
        await asyncio.sleep(SETTLE_S)
        before = await client.stats()
        await asyncio.sleep(seconds)
        after = await client.stats()
        heard = json.loads(await load.stdout.readline())
        await load.wait()
    finally:
        if load.returncode is None:
            load.kill()
            await load.wait()
        await client.close()
    found = figures(before, after, heard, legs // 2, seconds)
    return {
        "legs": legs,
        "legs_per_core": 2 * found.pop("calls_per_core"),
        **found,
    }


async def _set_up(client: MediaClient, browsers: list[tuple[str, str]]) -> list[int]:
    """Legs and bridges. Returns the worker's ports in the order of the browsers."""
    ports = []
    for number, (ufrag, fingerprint) in enumerate(browsers):
        peer = DtlsPeer(ufrag, (fingerprint,))
        ports.append(await client.create_leg(CreateLeg(str(number), str(number // 2), ice=_LOGIN, peer=peer)))
        if number % 2:
            await client.bridge(str(number - 1), str(number))
    return ports


def run(legs: int = 200, seconds: float = 5.0) -> dict[str, Any]:
    """Measure. legs: an even number; the handshakes are over before the clock starts."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory, worker_process(Path(directory), "20000-29999", cores[0]):
        found = asyncio.run(_measure(Path(directory), legs, seconds, cores[-1]))
    return {"machine": machine(), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description="Browser legs per core")
    parser.add_argument("legs", type=int, nargs="?", default=200)
    parser.add_argument("seconds", type=float, nargs="?", default=5.0)
    args = parser.parse_args()
    print(json.dumps(run(args.legs, args.seconds), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
