"""A real browser with JsSIP in it: headless Chromium, a fake microphone with a tone, and a page that the test commands."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from callstream_local.ports import free_port
from callstream_media_gateway.media.tone import sines

HERE = Path(__file__).parent / "softphone"
BOUND_S = 30.0
"""For anything a browser does; it starts in one or two seconds, and on a busy machine in ten."""
_POLL_S = 5.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--ignore-certificate-errors",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
)


def missing() -> str:
    """Which program is not there to run these tests; "" when all are."""
    return "" if shutil.which("chromium") and shutil.which("npm") else "chromium and npm are needed (make packages)"


def build_page() -> None:
    """Fetch JsSIP and its bundler at the locked versions and digests, and bundle the page; nothing when it is done."""
    made, sources = HERE / "dist" / "page.js", [HERE / "page.js", HERE / "package-lock.json"]
    with (HERE / "page.html").open() as guard:  # for tests that run at the same time
        fcntl.flock(guard, fcntl.LOCK_EX)
        if made.exists() and made.stat().st_mtime > max(source.stat().st_mtime for source in sources):
            return
        for command in (("ci", "--ignore-scripts"), ("run", "build")):
            subprocess.run(["npm", *command], cwd=HERE, check=True, capture_output=True, timeout=240)


class Page:
    """The softphone. `story` holds what it told, in order, but answers."""

    def __init__(self) -> None:
        self.story: list[dict[str, Any]] = []
        self._commands: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count(1)
        self._news = asyncio.Condition()

    async def do(self, name: str, **arguments: Any) -> Any:
        """Have the page do it; what that gave."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._commands.put_nowait({"number": number, "do": name, **arguments})
        return await asyncio.wait_for(answer, BOUND_S)

    async def until(self, what: str, times: int = 1) -> dict[str, Any]:
        """Wait until it has told this so many times; the newest."""

        def told() -> list[dict[str, Any]]:
            return [entry for entry in self.story if entry["what"] == what]

        try:
            async with asyncio.timeout(BOUND_S), self._news:
                await self._news.wait_for(lambda: len(told()) >= times)
        except TimeoutError:
            raise AssertionError(f"the page never told {what!r}, but {self.story}") from None
        return told()[-1]

    async def until_hears(self, frequency_hz: float, others: Sequence[float] = (), at_least_dbm0: float = -40) -> float:
        """Wait until this tone, so loud and 10 dB above the others, is what it hears; its level in dBm0."""
        async with asyncio.timeout(BOUND_S):
            while True:
                level, *rest = await self.do("levels", frequencies=[frequency_hz, *others])
                if level >= at_least_dbm0 and all(level - other > 10 for other in rest):
                    return float(level)
                await asyncio.sleep(0.1)

    async def next(self, _request: Request) -> Response:
        """The page asks what to do."""
        with contextlib.suppress(TimeoutError):
            return JSONResponse(await asyncio.wait_for(self._commands.get(), _POLL_S))
        return JSONResponse(None)

    async def told(self, request: Request) -> Response:
        """The page tells something."""
        entry = await request.json()
        if entry["what"] == "done":
            answer = self._answers.pop(entry["number"])
            if "error" in entry:
                answer.set_exception(RuntimeError(entry["error"]))
            else:
                answer.set_result(entry["value"])
        else:
            async with self._news:
                self.story.append(entry)
                self._news.notify_all()
        return Response()


def save_microphone(path: Path, tone_hz: int) -> None:
    """What the fake microphone picks up, over and over: one second of a tone."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sines((tone_hz,), 8000).tobytes())


@asynccontextmanager
async def softphone(folder: Path, tone_hz: int, **settings: str) -> AsyncIterator[tuple[Page, subprocess.Popen[bytes]]]:
    """A browser showing the page with these settings (socket, user, host, password), and its process."""
    page, port = Page(), free_port()
    routes = [
        Route("/", lambda _: FileResponse(HERE / "page.html")),
        Route("/page.js", lambda _: FileResponse(HERE / "dist" / "page.js")),
        Route("/next", page.next),
        Route("/tell", page.told, methods=["POST"]),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), "127.0.0.1", port, log_level="critical", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve())
    microphone = folder / "microphone.wav"
    save_microphone(microphone, tone_hz)
    browser = _start(folder, microphone, f"http://127.0.0.1:{port}/?{urlencode(settings)}")
    try:
        yield page, browser
    finally:
        kill(browser)
        server.should_exit = True
        server.force_exit = True
        await asyncio.wait_for(serving, 20)


def _start(folder: Path, microphone: Path, address: str) -> subprocess.Popen[bytes]:
    profile, sound = f"--user-data-dir={folder / 'profile'}", f"--use-file-for-fake-audio-capture={microphone}"
    with (folder / "chromium.log").open("wb") as log:
        return subprocess.Popen(
            ["chromium", *_FLAGS, profile, sound, address],
            env={**os.environ, "HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # its helpers go with it
        )


def kill(browser: subprocess.Popen[bytes]) -> None:
    """As if the computer had lost its power."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(browser.pid, signal.SIGKILL)
    browser.wait()
