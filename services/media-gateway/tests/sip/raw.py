"""A peer that says exactly what a test wants, byte for byte, over UDP or TCP."""

from __future__ import annotations

import asyncio
import socket

from callstream_media_gateway.sip.message import Request, Response, parse_message
from callstream_media_gateway.sip.responses import tag_of
from callstream_media_gateway.sip.stream import StreamFramer

from .phones import BOUND, OFFER, Phone


class RawPeer:
    """`send` writes bytes; `receive` waits for the next message. Requests are built by `request`."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._udp.setblocking(False)
        self.port: int = self._udp.getsockname()[1]
        self.tag = "rawtag"
        self.call_id = f"raw-{self.port}"
        self._branches = 0

    def send(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        self._udp.sendto(data, self.phone.ua.local_addr)

    async def receive(self) -> Request | Response:
        loop = asyncio.get_running_loop()
        data = await asyncio.wait_for(loop.sock_recv(self._udp, 65536), BOUND)
        return parse_message(data)

    async def response(self) -> Response:
        """The next message, which must be a response; 100 Trying is passed over."""
        while True:
            message = await self.receive()
            assert isinstance(message, Response), message
            if message.code != 100:
                return message

    async def request_of(self, method: str) -> Request:
        """The next request of this method; its responses and other requests are passed over."""
        while True:
            message = await self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    def silence(self, seconds: float = 0.15) -> asyncio.Task[bool]:
        """A task that gives True when nothing arrives for so long."""

        async def listen() -> bool:
            try:
                await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 65536), seconds)
            except TimeoutError:
                return True
            return False

        return asyncio.get_running_loop().create_task(listen())

    def request(
        self,
        method: str,
        cseq: int = 1,
        *,
        branch: str | None = None,
        to_tag: str = "",
        body: bytes = b"",
        extra: str = "",
        drop: str = "",
        uri: str | None = None,
        content_type: str = "application/sdp",
        cseq_method: str | None = None,
    ) -> str:
        """A whole request. drop: a header to leave out; extra: header lines, each with its CRLF."""
        self._branches += 1
        branch = branch or f"z9hG4bKraw{self.port}x{self._branches}"
        host, port = self.phone.ua.local_addr
        lines = [
            f"{method} {uri or f'sip:phone@{host}:{port}'} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch}",
            "Max-Forwards: 70",
            f"From: <sip:raw@127.0.0.1:{self.port}>;tag={self.tag}",
            f"To: <sip:phone@{host}:{port}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {cseq_method or method}",
            f"Contact: <sip:raw@127.0.0.1:{self.port}>",
            f"Content-Length: {len(body)}",
        ]
        if body:
            lines.append(f"Content-Type: {content_type}")
        lines = [line for line in lines if not drop or not line.startswith(drop + ":")]
        return "\r\n".join(lines) + "\r\n" + extra + "\r\n" + body.decode()

    def invite(self, **more: object) -> str:
        more.setdefault("body", OFFER.to_bytes())
        return self.request("INVITE", **more)  # type: ignore[arg-type]

    def answer(self, request: Request, code: int, tag: str = "", body: bytes = b"", extra: str = "") -> str:
        """A response to a request of the user agent."""
        to = request.need("To")
        lines = [f"SIP/2.0 {code} Whatever"]
        lines += [f"Via: {value}" for value in request.lines("Via")]
        lines += [
            f"From: {request.need('From')}",
            "To: " + (to if tag_of(to) or not tag else f"{to};tag={tag}"),
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.need('CSeq')}",
            f"Contact: <sip:raw@127.0.0.1:{self.port}>",
            f"Content-Length: {len(body)}",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join(lines) + "\r\n" + extra + "\r\n" + body.decode()

    async def call_and_answer(self) -> str:
        """Offer a call to the phone, which must answer by itself; acknowledge; the phone's tag."""
        self.send(self.invite())
        ok = await self.response()
        assert ok.code == 200, ok
        tag = tag_of(ok.need("To")) or ""
        self.send(self.request("ACK", to_tag=tag))
        return tag

    def close(self) -> None:
        self._udp.close()


class RawStream:
    """The same over one TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._framer = StreamFramer()
        self._ready: list[bytes] = []

    @classmethod
    async def connect(cls, phone: Phone) -> RawStream:
        return cls(*await asyncio.open_connection(*phone.ua.local_addr))

    async def receive(self) -> Request | Response:
        while not self._ready:
            chunk = await asyncio.wait_for(self._reader.read(65536), BOUND)
            assert chunk, "the connection was closed"
            self._ready += [message for message in self._framer.feed(chunk) if message]
        return parse_message(self._ready.pop(0))

    async def bytes(self, count: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(count), BOUND)

    async def closed(self) -> bool:
        """Wait until the other side closes."""
        return await asyncio.wait_for(self._reader.read(), BOUND) is not None
