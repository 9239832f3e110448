"""Health and metrics over HTTP, and whatever application a service mounts beside them.

/livez    200 while the process turns (its event loop answered)
/readyz   200 when every check passes, else 503; the JSON tells each check's result
/metrics  Prometheus text
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import msgspec
import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

CHECK_S = 1.0
START_S = 10.0
TICK_S = 1.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Check = Callable[[], Awaitable[str]]
"""An empty string when all is well, else what is wrong."""

log = structlog.get_logger(__name__)


class Health:
    """Named checks, run side by side at each question."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}

    async def ask(self) -> dict[str, str]:
        """`ok`, or what is wrong, by name. A check that takes longer than CHECK_S has failed."""
        names = list(self.checks)
        results = await asyncio.gather(*[self._one(self.checks[name]) for name in names])
        return dict(zip(names, results, strict=True))

    @staticmethod
    async def _one(check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_S):
                return await check() or "ok"
        except TimeoutError:
            return f"no answer within {CHECK_S} s"
        except Exception as error:  # noqa: BLE001  a check that fails is an answer
            return f"{type(error).__name__}: {error}"


class HttpApp:
    """The ASGI application: three paths of ours, all others to the mounted one."""

    def __init__(self, health: Health) -> None:
        self.mounted: AsgiApp | None = None
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "") if scope["type"] == "http" else ""
        if path == "/livez":
            await _answer(send, 200, b'{"alive":true}', "application/json")
        elif path == "/readyz":
            checks = await self._health.ask()
            ready = all(result == "ok" for result in checks.values())
            body = msgspec.json.encode({"ready": ready, "checks": checks})
            await _answer(send, 200 if ready else 503, body, "application/json")
        elif path == "/metrics":
            await _answer(send, 200, generate_latest(), CONTENT_TYPE_LATEST)
        elif self.mounted is not None:
            await self.mounted(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(send, 404, b'{"error":"not found"}', "application/json")


async def _answer(send: Send, code: int, body: bytes, kind: str) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    leaving: asyncio.Event

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The service's frame handles signals."""
        yield

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second whether it must end: a fifth of what an idle service does."""
        self.leaving = asyncio.Event()
        while not await self.on_tick(0):  # the Date header of answers
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self.leaving.wait()


class HttpServer:
    """uvicorn inside the service's own event loop."""

    def __init__(self, app: HttpApp, host: str, port: int) -> None:
        self._app, self._host, self._port = app, host, port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        listener = socket.create_server((self._host, self._port), family=_family(self._host))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            ws="auto" if self._app.mounted is not None else "none",
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listener]))
        async with asyncio.timeout(START_S):
            while not self._server.started:
                if self._task.done():
                    await self._task
                await asyncio.sleep(0.005)
        log.info("http", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Finish the requests in hand (bounded) and end."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            self._server.leaving.set()
            await asyncio.gather(self._task, return_exceptions=True)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
