"""The phones of the benchmark `wss`: registering again and again, in a process of their own."""

import asyncio
import itertools
import secrets
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from callstream_media_gateway.sip import tls
from callstream_media_gateway.sip.digest import Credentials, answer_challenge, choose_challenge
from callstream_media_gateway.sip.message import Response, parse_message
from callstream_media_gateway.sip.websocket import WebSocketWire

CHUNK = 16_384
PATIENCE_S = 20.0


@dataclass(frozen=True)
class Order:
    """Where, whom to believe, and who: user → password."""

    host: str
    port: int
    certificate: str
    phones: dict[str, str]


@dataclass
class Outcome:
    """How long each registration took, from TCP to the 200; what went wrong, by how often."""

    took_ms: list[float] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_s: float = 0.0


class Refused(Exception):
    """Another answer than the one that was due."""


def wait_for_first(order: Order, within_s: float) -> str:
    """Until the gateway knows the phones: "", or what it said last."""

    async def wait() -> str:
        deadline = time.monotonic() + within_s
        context, user = tls.calling(Path(order.certificate)), list(order.phones)[-1]
        while True:
            try:
                await register(order, context, user)
            except (Refused, OSError, TimeoutError) as error:
                if time.monotonic() > deadline:
                    return str(error)
                await asyncio.sleep(0.2)
            else:
                return ""

    return uvloop.run(wait())


def register_for(order: Order, at_once: int, seconds: float) -> Outcome:
    """`at_once` phones at any time, each followed by the next."""

    async def work() -> Outcome:
        outcome, problems = Outcome(), Counter[str]()
        context, users = tls.calling(Path(order.certificate)), itertools.cycle(order.phones)
        began, cpu = time.monotonic(), time.process_time()

        async def one_after_the_other() -> None:
            while time.monotonic() < began + seconds:
                start = time.monotonic()
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        await register(order, context, next(users))
                except (Refused, OSError, TimeoutError) as error:
                    problems[f"{type(error).__name__} {error}"] += 1
                else:
                    outcome.took_ms.append((time.monotonic() - start) * 1000)

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
        outcome.seconds, outcome.cpu_s = time.monotonic() - began, time.process_time() - cpu
        outcome.problems = dict(problems)
        return outcome

    return uvloop.run(work())


async def register(order: Order, context: ssl.SSLContext, user: str) -> None:
    """One phone by a connection of its own. Raises Refused, OSError, TimeoutError."""
    reader, writer = await asyncio.open_connection(order.host, order.port, ssl=context)
    wire = WebSocketWire.calling(order.host, order.port, secure=True)
    name = secrets.token_hex(6)

    async def answer_to(message: bytes) -> Response:
        while not wire.is_open:
            await hear()
        writer.write(wire.pack(message))
        while True:
            for found in await hear():
                response = parse_message(found)
                if isinstance(response, Response):
                    return response

    async def hear() -> list[bytes]:
        chunk = await reader.read(CHUNK)
        if not chunk:
            raise Refused("the gateway closed the connection")
        return wire.feed(chunk)

    try:
        writer.write(wire.begin())
        challenged = await answer_to(_register(order, user, name, 1))
        challenge = choose_challenge(challenged.lines("WWW-Authenticate"))
        if challenged.code != 401 or challenge is None:
            raise Refused(f"{challenged.code} instead of a challenge")
        credentials = Credentials(user, order.phones[user])
        proof = answer_challenge(challenge, credentials, "REGISTER", f"sip:{order.host}", cnonce=secrets.token_hex(8))
        registered = await answer_to(_register(order, user, name, 2, f"Authorization: {proof}\r\n"))
        if registered.code != 200:
            raise Refused(f"{registered.code} {registered.reason}")
    finally:
        writer.close()


def _register(order: Order, user: str, name: str, cseq: int, more: str = "") -> bytes:
    """As a browser sends it (RFC 7118 8.1)."""
    return (
        f"REGISTER sip:{order.host} SIP/2.0\r\n"
        f"Via: SIP/2.0/WSS {name}.invalid;branch=z9hG4bK{name}{cseq}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:{user}@{order.host}>;tag={name}\r\n"
        f"To: <sip:{user}@{order.host}>\r\n"
        f"Call-ID: {name}\r\n"
        f"CSeq: {cseq} REGISTER\r\n"
        f"Contact: <sip:{user}@{name}.invalid;transport=ws>;expires=600\r\n"
        f"{more}Content-Length: 0\r\n\r\n"
    ).encode()
