"""How many two-leg calls one core carries: a worker on one core, the phones of `load.py` on another, real UDP.

`python -m callstream_media_gateway.media.bench [CALLS] [SECONDS] [--recorded] [--music]` prints the figures as JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from callstream_media_gateway.media.audiofile import save
from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.protocol import WorkerStats
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.media.worker_commands import CreateLeg, File, Play, StartRecording

HOST = "127.0.0.1"
SETTLE_S = 2.0
"""Locking and laying out happen before the clock of the measurement starts."""


@contextlib.contextmanager
def worker_process(directory: Path, ports: str, core: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A media worker with its socket at directory/media.sock, ended on leaving."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "callstream_media_gateway.media.worker", "--socket", str(directory / "media.sock")),
            *("--rtp-host", HOST, "--rtp-ports", ports, "--recordings", str(directory / "recordings")),
        ]
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        yield process
    finally:
        process.kill()
        process.wait()


async def _measure(directory: Path, calls: int, seconds: float, recorded: bool, music: bool, core: int) -> dict[str, Any]:
    client = await MediaClient.connect(str(directory / "media.sock"), lambda _: None)
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callstream_media_gateway.media.load", str(2 * calls)),
        *(str(seconds + 2 * SETTLE_S), HOST),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=4 * 1024 * 1024,
    )
    try:
        os.sched_setaffinity(load.pid, {core})
        assert load.stdin is not None and load.stdout is not None  # noqa: S101, PT018
        phones = json.loads(await load.stdout.readline())
        ports = await _set_up(client, directory, phones, recorded, music)
        load.stdin.write(json.dumps(ports).encode() + b"\n")
        await asyncio.sleep(SETTLE_S)
        before = await client.stats()
        await asyncio.sleep(seconds)
        after = await client.stats()
        heard = json.loads(await load.stdout.readline())
        load.stdin.close()
        await load.wait()
    finally:
        if load.returncode is None:
            load.kill()
            await load.wait()
        await client.close()
    return figures(before, after, heard, calls, seconds)


async def _set_up(client: MediaClient, directory: Path, phones: list[int], recorded: bool, music: bool) -> list[int]:
    """Legs, bridges or music, recordings. Returns the worker's ports in the order of the phones'."""
    song = directory / "music.wav"
    save(song, sines((440, 554), 80_000))
    ports = []
    for number in range(len(phones) // 2):
        legs = (f"{number}-0", f"{number}-1")
        for leg_id, port in zip(legs, phones[2 * number :], strict=False):
            ports.append(await client.create_leg(CreateLeg(leg_id, str(number), remote=(HOST, port))))
            if music:
                await client.request(Play(leg_id, f"music-{leg_id}", (File(str(song)),), repeat=0))
        if not music:
            await client.bridge(*legs)
        if recorded:
            await client.request(StartRecording(str(number), str(number), *legs, f"{number}.wav"))
    return ports


def figures(before: WorkerStats, after: WorkerStats, heard: dict[str, Any], calls: int, seconds: float) -> dict[str, Any]:
    cpu = after.cpu_seconds - before.cpu_seconds
    return {
        "calls": calls,
        "seconds": seconds,
        "cpu_seconds": round(cpu, 3),
        "calls_per_core": round(calls * seconds / cpu),
        "cpu_percent_per_100_calls": round(cpu / seconds / calls * 10_000, 2),
        "late_frames": after.late_frames - before.late_frames,
        "packets_in_per_s": round((after.packets_in - before.packets_in) / seconds),
        "packets_out_per_s": round((after.packets_out - before.packets_out) / seconds),
        "send_errors": after.send_errors - before.send_errors,
        "tick_ms_p50": round(after.tick_ms_p50, 2),
        "tick_ms_p99": round(after.tick_ms_p99, 2),
        "rss_mb": round(after.rss_bytes / 1e6, 1),
        "load": heard,
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = next((int(line.split()[1]) // 1024 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {"cores": os.cpu_count(), "model": model, "memory_mb": memory, "kernel": platform.release()}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def run(calls: int = 250, seconds: float = 5.0, *, recorded: bool = False, music: bool = False) -> dict[str, Any]:
    """Measure. recorded: each call also writes its recording; music: each leg hears a prompt instead of the other
    leg.
    """
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory, worker_process(Path(directory), "20000-29999", cores[0]):
        found = asyncio.run(_measure(Path(directory), calls, seconds, recorded, music, cores[-1]))
    return {"machine": machine(), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description="Two-leg G.711 calls per core")
    parser.add_argument("calls", type=int, nargs="?", default=250)
    parser.add_argument("seconds", type=float, nargs="?", default=5.0)
    parser.add_argument("--recorded", action="store_true")
    parser.add_argument("--music", action="store_true")
    args = parser.parse_args()
    print(json.dumps(run(args.calls, args.seconds, recorded=args.recorded, music=args.music), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
