"""Holds the private parts of nats-py that callstream.runtime.link relies on."""

import asyncio

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from callstream.runtime.link import Link, NoAnswer

from .nats_server import Server


async def test_a_listener_gets_raw_bytes_in_order(nc: Client) -> None:
    link = Link.of(nc)
    got: list[tuple[bytes, bytes, bytes, bytes | None]] = []
    enough = asyncio.Event()

    def handler(*message: bytes | None) -> None:
        got.append(message)  # type: ignore[arg-type]
        if len(got) == 3:
            enough.set()

    stop = await link.listen("raw.>", handler)
    link.post("raw.a", b"one")
    link.post("raw.b", b"two", "reply.here", b"NATS/1.0\r\nx: y\r\n\r\n")
    await nc.flush()
    await nc.publish("raw.c", b"three", headers={"k": "v"})
    async with asyncio.timeout(5):
        await enough.wait()
    assert got[0] == (b"raw.a", b"", b"one", None)
    assert got[1] == (b"raw.b", b"reply.here", b"two", b"NATS/1.0\r\nx: y\r\n\r\n")
    assert got[2][3] == b"NATS/1.0\r\nk: v\r\n\r\n"
    await stop()
    link.post("raw.a", b"four")
    await nc.flush()
    assert len(got) == 3


async def test_a_handler_that_fails_harms_nobody_else(nc: Client) -> None:
    link, got = Link.of(nc), asyncio.Queue[bytes]()

    def failing(*_: bytes | None) -> None:
        raise RuntimeError("a fault")

    await link.listen("bad", failing)
    await link.listen("good", lambda _s, _r, payload, _h: got.put_nowait(payload))
    link.post("bad", b"")
    link.post("good", b"still here")
    assert await asyncio.wait_for(got.get(), 5) == b"still here"


async def test_ordinary_subscriptions_go_on_beside_it(nc: Client) -> None:
    Link.of(nc)
    got: asyncio.Queue[Msg] = asyncio.Queue()

    async def handler(message: Msg) -> None:
        await got.put(message)

    await nc.subscribe("ordinary", cb=handler)
    Link.of(nc).post("ordinary", b"x", headers=b"NATS/1.0\r\na: b\r\n\r\n")
    message = await asyncio.wait_for(got.get(), 5)
    assert (message.data, message.headers) == (b"x", {"a": "b"})


async def test_requests_find_their_own_answers(nc: Client) -> None:
    link = Link.of(nc)

    async def echo(message: Msg) -> None:
        await message.respond(message.data)

    await nc.subscribe("echo", cb=echo)
    answers = await asyncio.gather(*[link.request("echo", b"%d" % i, 5) for i in range(50)])
    assert [payload for payload, _ in answers] == [b"%d" % i for i in range(50)]
    assert not link._waiting, "nothing is kept of a finished request"


async def test_silence_and_absence_are_no_answer(nc: Client) -> None:
    link = Link.of(nc)
    with pytest.raises(NoAnswer, match="nobody listens"):
        await link.request("nobody", b"", 5)
    await nc.subscribe("mute")
    with pytest.raises(NoAnswer, match="in time"):
        await link.request("mute", b"", 0.05)
    assert not link._waiting


async def test_a_subscription_stands_before_what_is_sent_after_it(nc: Client) -> None:
    link, got = Link.of(nc), asyncio.Queue[bytes]()
    for i in range(100):
        await link.listen(f"fresh.{i}", lambda _s, _r, payload, _h: got.put_nowait(payload))
        link.post(f"fresh.{i}", b"%d" % i)
    async with asyncio.timeout(5):
        assert [await got.get() for _ in range(100)] == [b"%d" % i for i in range(100)]


async def test_what_is_sent_while_the_broker_is_away_goes_out_afterwards(server: Server, nc: Client) -> None:
    link, got = Link.of(nc), asyncio.Queue[bytes]()
    await link.listen("later", lambda _s, _r, payload, _h: got.put_nowait(payload))
    await server.kill()
    async with asyncio.timeout(10):
        while link.connected:
            await asyncio.sleep(0.01)
    for i in range(3):
        link.post("later", b"%d" % i)
    await server.start()
    async with asyncio.timeout(10):
        assert [await got.get() for _ in range(3)] == [b"0", b"1", b"2"]


async def test_a_reconnect_is_told_and_listeners_live_on(server: Server, nc: Client) -> None:
    link = Link.of(nc)
    told, got = asyncio.Event(), asyncio.Event()
    forget = link.on_reconnect(told.set)
    await link.listen("after", lambda *_: got.set())
    await server.kill()
    await server.start()
    async with asyncio.timeout(10):
        await told.wait()
        link.post("after", b"")
        await got.wait()
    forget()
    assert not link._on_reconnect


async def test_there_is_one_link_for_each_connection(nc: Client) -> None:
    assert Link.of(nc) is Link.of(nc)


async def test_what_handlers_send_leaves_in_one_write_at_the_end_of_the_read(nc: Client) -> None:
    link, got, order = Link.of(nc), asyncio.Event(), list[str]()
    written: list[bytes] = []

    def answer(_s: bytes, _r: bytes, payload: bytes, _h: bytes | None) -> None:
        order.append(payload.decode())
        link.post(f"back.{payload.decode()}", b"")
        if payload == b"1":
            link.at_read_end(lambda: (order.append("end"), link.post("back.end", b"")))  # type: ignore[func-returns-value]

    def heard(subject: bytes, *_: object) -> None:
        if subject == b"back.end":
            got.set()

    await link.listen("there", answer)
    await link.listen("back.*", heard)
    await nc.flush()
    write = link._private._transport.write
    link._private._transport.write = lambda data: (written.append(data), write(data))
    sid = next(sid for sid, handler in link._handlers.items() if handler is answer)
    link._read(b"".join(b"MSG there %s 1\r\n%d\r\n" % (sid, i) for i in (1, 2)))
    assert order == ["1", "2", "end"]
    assert written == [b"PUB back.1  0\r\n\r\nPUB back.2  0\r\n\r\nPUB back.end  0\r\n\r\n"]
    async with asyncio.timeout(5):
        await got.wait()


async def test_what_fails_at_the_end_of_a_read_harms_nobody_else(nc: Client) -> None:
    link, got = Link.of(nc), asyncio.Event()

    def handler(*_: object) -> None:
        link.at_read_end(lambda: [][1])
        link.at_read_end(got.set)

    await link.listen("there", handler)
    link.post("there", b"")
    async with asyncio.timeout(5):
        await got.wait()
