"""sipp as a foreign caller: one scenario, one call, and what it said when something was not as its scenario has it."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from callstream_local.ports import free_port
from callstream_media_gateway.media.g711 import PCMU, encode
from callstream_media_gateway.media.tone import sines

SCENARIOS = Path(__file__).with_name("scenarios")
WITHIN_S = 60.0

needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed (make packages)")
needs_raw_sockets = pytest.mark.skipif(os.geteuid() != 0, reason="sipp sends RTP events through raw sockets, which only root may")


class SippFailed(AssertionError):
    """The call did not go as the scenario says."""


async def sipp(
    name: str, gateway: tuple[str, int], number: str, folder: Path, *, source: str = "127.0.0.1", tcp: bool = False, **words: str
) -> None:
    """Play a scenario with its `@WORDS@` filled in. Raises SippFailed."""
    text = (SCENARIOS / f"{name}.xml").read_text()
    for word, value in words.items():
        text = text.replace(f"@{word.upper()}@", value)
    scenario = folder / f"{name}.xml"
    scenario.write_text(text)
    argv = ["sipp", "-sf", str(scenario), "-s", number, "-i", source, "-p", str(free_port(source, udp=True))]
    argv += ["-t", "t1" if tcp else "u1", "-mi", source, "-mp", str(free_port(source, udp=True)), "-m", "1", "-nostdin"]
    argv += ["-timeout", f"{WITHIN_S:.0f}s", "-timeout_error", "-trace_err", f"{gateway[0]}:{gateway[1]}"]
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, "TERM": "dumb"}
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SippFailed(
            f"sipp ended with {process.returncode}\n{_errors(folder, name) or output.decode(errors='replace')[-2000:]}"
        )


def _errors(folder: Path, name: str) -> str:
    return "\n".join(file.read_text() for file in folder.glob(f"{name}_*_errors.log"))


def write_tone(path: Path, frequency_hz: int) -> Path:
    """One second of a tone in raw µ-law, which sipp repeats."""
    path.write_bytes(encode(sines((frequency_hz,), 8000), PCMU).tobytes())
    return path
