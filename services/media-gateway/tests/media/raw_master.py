"""Signalling byte by byte: what the worker says, frame by frame, to one write."""

import asyncio
from typing import Self

import msgspec

from callstream_media_gateway.media.protocol import FromWorker, Request
from callstream_media_gateway.media.worker_commands import AnyCommand

_decoder: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


class RawMaster:
    """`order` sends commands in one write, under the numbers that follow; `message` is what comes next."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._number = reader, writer, 0

    @classmethod
    async def connect(cls, path: str) -> Self:
        return cls(*await asyncio.open_unix_connection(path))

    def order(self, *commands: AnyCommand) -> None:
        frames = []
        for command in commands:
            self._number += 1
            body = msgspec.msgpack.encode(Request(self._number, command))
            frames.append(len(body).to_bytes(4, "big") + body)
        self._writer.write(b"".join(frames))

    async def message(self) -> FromWorker:
        async with asyncio.timeout(5):
            length = int.from_bytes(await self._reader.readexactly(4), "big")
            return _decoder.decode(await self._reader.readexactly(length))

    def die(self) -> None:
        """What was sent has left, and nothing is read any more."""
        self._writer.transport.abort()
