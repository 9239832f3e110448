"""A certificate for 127.0.0.1 and localhost, and user agents that use it."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from callstream_media_gateway.adapters.certificate import self_signed
from callstream_media_gateway.sip import tls
from callstream_media_gateway.sip.message import Request, Response, parse_message

from .phones import FAST, Phone

SECURE = ("tls", "ws", "wss")
_folder = tempfile.TemporaryDirectory()


@cache
def certificate() -> tuple[Path, Path]:
    return self_signed(Path(_folder.name), (), datetime.now(UTC))


def trusting() -> ssl.SSLContext:
    return tls.calling(certificate()[0])


@asynccontextmanager
async def server_and_client(**more: Any) -> AsyncIterator[tuple[Phone, Phone]]:
    """Who listens on everything, and who listens on UDP and TCP only and trusts the first."""
    server = Phone(tls_port=0, ws_port=0, wss_port=0, server_tls=tls.serving(*certificate()), **{**FAST, **more})
    client = Phone(client_tls=trusting(), **FAST)
    await server.ua.start()
    await client.ua.start()
    try:
        yield server, client
    finally:
        await client.ua.stop()
        await server.ua.stop()


def url(server: Phone, transport: str) -> str:
    return f"{transport}://127.0.0.1:{server.ua.hop(transport).port}/"


@asynccontextmanager
async def browser(server: Phone, transport: str = "wss", **more: Any) -> AsyncIterator[Browser]:
    """A foreign WebSocket client that speaks the subprotocol."""
    context = trusting() if transport == "wss" else None
    more.setdefault("subprotocols", [Subprotocol("sip")])
    async with connect(url(server, transport), ssl=context, proxy=None, **more) as connection:
        yield Browser(connection)


class Browser:
    """Sends and receives SIP text by hand."""

    host = "df7jal23ls0d.invalid"

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def request(
        self, method: str, cseq: int = 1, *, body: bytes = b"", extra: Sequence[str] = (), user: str = "1001",
        to_tag: str = "", call_id: str = "asidkj3ss",
    ) -> str:  # fmt: skip
        lines = [
            f"{method} sip:callstream SIP/2.0" if method == "REGISTER" else f"{method} sip:queue@callstream SIP/2.0",
            f"Via: SIP/2.0/WSS {self.host};branch=z9hG4bK{method}{cseq}{len(extra)}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@callstream>;tag=browser",
            (f"To: <sip:{user}@callstream>" if method == "REGISTER" else "To: <sip:queue@callstream>")
            + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{user}@{self.host};transport=ws>",
            *extra,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body.decode()

    async def send(self, message: str | bytes | list[str]) -> None:
        await self.connection.send(message)

    async def receive(self) -> Request | Response:
        data = await self.connection.recv()
        return parse_message(data.encode() if isinstance(data, str) else data)

    async def response(self) -> Response:
        """The next final or ringing one."""
        while True:
            message = await self.receive()
            assert isinstance(message, Response), message
            if message.code != 100:
                return message

    def ok(self, request: Request, body: bytes = b"", code: int = 200) -> str:
        """The answer to a request of the server."""
        to = request.need("To")
        lines = [f"SIP/2.0 {code} OK", *(f"Via: {value}" for value in request.lines("Via"))]
        lines += [f"From: {request.need('From')}", f"To: {to}" + ("" if "tag=" in to else ";tag=browser")]
        lines += [f"Call-ID: {request.call_id}", f"CSeq: {request.need('CSeq')}"]
        lines += [f"Contact: <sip:1001@{self.host};transport=ws>", "Content-Type: application/sdp"]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body.decode()
