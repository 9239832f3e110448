"""baresip as an agent's desk phone: registers, answers by itself, speaks a file and keeps what it heard; its keys on demand."""

import asyncio
import json
import os
import shutil
import signal
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from callstream_local.ports import free_port
from callstream_media_gateway.media.audiofile import load

needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed (make packages)")

MODULES = ("account.so", "menu.so", "aufile.so", "sndfile.so", "ctrl_tcp.so")
FORMATS = {"g711": (8000, 1), "g722": (16000, 1), "opus": (48000, 2)}
"""Rate and channels that its codecs want of a file."""
SPEAKS_S = 60
"""The call ends with the file."""
REGISTERED_WITHIN_S = 10.0
ENDS_WITHIN_S = 5.0


class Baresip:
    """A running phone. `heard()` after it has ended: the audio it received."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self._folder = folder
        self._process = process
        self._keys: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.output = ""

    async def press(self, command: str, parameter: str = "") -> None:
        """One of its commands, as its user would give it: dial, hold, resume, hangup, transfer."""
        if self._keys is None:
            port = int((self._folder / "keys").read_text())
            reader, self._keys = await asyncio.open_connection("127.0.0.1", port)
            self._reading = asyncio.create_task(self._listen(reader))
        said = json.dumps({"command": command, "params": parameter}).encode()
        self._keys.write(str(len(said)).encode() + b":" + said + b",")
        await self._keys.drain()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(4096):
            self.output += data.decode(errors="replace")

    async def registered(self) -> bool:
        """Wait until it is registered (True) or says that it is not. Raises AssertionError when it says nothing of it."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(REGISTERED_WITHIN_S):
                while "200 OK" not in self.output and "Register:" not in self.output:
                    line = await self._process.stdout.readline()
                    assert line, f"baresip ended:\n{self.output}"
                    self.output += line.decode(errors="replace")
        except TimeoutError:
            raise AssertionError(f"baresip does not register:\n{self.output}") from None
        return "200 OK" in self.output

    def heard(self) -> npt.NDArray[np.int16]:
        """What came in over RTP, all calls one after the other."""
        files = sorted(self._folder.glob("dump-*-dec.wav"))
        return np.concatenate([load(str(file)) for file in files]) if files else np.zeros(0, np.int16)

    async def has_heard_enough(self) -> bool:
        """Some seconds lie in its files, which grow while a call goes on."""
        return sum(file.stat().st_size for file in self._folder.glob("dump-*-dec.wav")) > 3 * 2 * 8000

    async def stop(self) -> None:
        """Leave politely, which writes its files."""
        if self._keys is not None and self._reading is not None:
            self._keys.close()
            self._reading.cancel()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._process.communicate()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def baresip(
    folder: Path,
    gateway: tuple[str, int],
    user: str,
    password: str,
    tone_hz: int,
    *,
    trusted: Path | None = None,
    codec: str = "g711",
) -> AsyncIterator[Baresip]:
    """A phone that answers every call at once and says a tone. trusted: over TLS, to who has this certificate. codec: baresip's
    module of the only one that it has.
    """
    _configure(folder, gateway, user, password, tone_hz, trusted, codec)
    phone = await _started(folder)
    if not await phone.registered():
        # baresip 1.0 gives up when SHA-256 is offered beside MD5; it would come again after 30 to 60 s.
        await phone.stop()
        phone = await _started(folder)
        assert await phone.registered(), phone.output
    try:
        yield phone
    finally:
        await phone.stop()


async def _started(folder: Path) -> Baresip:
    process = await asyncio.create_subprocess_exec(
        *("baresip", "-4", "-f", str(folder)),
        cwd=folder,
        env={**os.environ, "TERM": "dumb"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return Baresip(folder, process)


def _configure(
    folder: Path, gateway: tuple[str, int], user: str, password: str, tone_hz: int, trusted: Path | None, codec: str
) -> None:
    folder.mkdir()
    rate, channels = FORMATS[codec]
    _tone(folder / "tone.wav", tone_hz, rate, channels)
    port = free_port(udp=True)  # baresip binds TCP too, and no outgoing connection takes one of these meanwhile
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{port}\naudio_source aufile,{folder}/tone.wav\naudio_srate {rate}\naudio_channels {channels}\n"
        f"snd_path {folder}\nmodule_path /usr/lib/baresip/modules\n"
        + (f"sip_cafile {trusted}\n" if trusted is not None else "")
        + "".join(f"module {name}\n" for name in (*MODULES, f"{codec}.so"))
    )
    keys = free_port()
    (folder / "keys").write_text(str(keys))
    with (folder / "config").open("a") as config:
        config.write(f"ctrl_tcp_listen 127.0.0.1:{keys}\n")
    transport = "udp" if trusted is None else "tls"
    (folder / "accounts").write_text(
        f"<sip:{user}@{gateway[0]}:{gateway[1]};transport={transport}>;auth_user={user};auth_pass={password};"
        "regint=60;answermode=auto;dtmfmode=rtpevent\n"
    )
    (folder / "contacts").touch()


def _tone(path: Path, tone_hz: int, rate: int, channels: int) -> None:
    """The tone at -13 dBm0, the same on all channels."""
    peak = 32767 * 10 ** ((-13 - 3.14) / 20)
    second = np.rint(peak * np.sin(2 * np.pi * tone_hz * np.arange(rate) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.tile(second.repeat(channels), SPEAKS_S).tobytes())
