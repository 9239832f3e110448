"""Ports that the worker binds ahead, so that a leg is opened without a question."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest
from tests.plugins.ports import rtp_range

from callstream_media_gateway.media import client as media_client
from callstream_media_gateway.media import wire
from callstream_media_gateway.media.client import MediaClient, MediaRefusedError
from callstream_media_gateway.media.peer import RtpPeers
from callstream_media_gateway.media.ports import SPARE_SHARE, Ports
from callstream_media_gateway.media.protocol import PortsReserved, Reply, Snapshot, WorkerStats
from callstream_media_gateway.media.sockets import NoPortsError
from callstream_media_gateway.media.worker_commands import AnyCommand, CreateLeg, DestroyLeg, Drain, ReservePorts, Stats
from callstream_media_gateway.media.worker_events import Drained, FirstRtp, LegStats

from .raw_master import RawMaster
from .rig import Rig, start_worker

TONE = 1100
SPARE = 12
"""Of the 200 pairs that a rig's worker has."""


async def port_ahead(client: MediaClient) -> int:
    """One that the worker has told."""
    async with asyncio.timeout(5):
        while (port := client.ports.take()) is None:
            await client.stats()
    return port


def told(client: MediaClient, command: AnyCommand) -> asyncio.Future[str | None]:
    """The refusal of a posted command, None when it was done."""
    end: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    client.post(command, lambda reply: end.set_result(reply.refusal if reply is not None else "no answer"))
    return end


async def test_a_leg_opened_ahead_is_heard_as_any_other(rig: Rig) -> None:
    port = await port_ahead(rig.client)
    phone = rig.phones.open()
    phone.send_to = ("127.0.0.1", port)
    phone.tone(TONE)
    created = told(rig.client, CreateLeg("a", "call", remote=phone.address, port=port))
    other = await rig.phone("b")
    await rig.client.bridge("a", "b")
    await other.until_hears(TONE)
    assert await created is None
    assert (await rig.client.stats()).spare_ports == SPARE - 1
    client = await rig.attach()
    assert client.snapshot is not None
    assert {leg.leg_id: leg.rtp_port for leg in client.snapshot.legs}["a"] == port


async def test_a_burst_of_legs_has_ports_of_its_own_each(rig: Rig) -> None:
    """More than are bound ahead; the next ones are asked for meanwhile, and no port is told twice."""
    ports: list[int] = []
    while len(ports) < 5 * SPARE:
        port = await port_ahead(rig.client)
        ports.append(port)
        rig.client.post(CreateLeg(str(port), "call", port=port), lambda reply: None)
    stats = await rig.client.stats()
    assert stats.legs == len(set(ports)) == len(ports)
    assert stats.spare_ports <= SPARE


async def test_what_came_before_the_leg_was_there_is_thrown_away(rig: Rig) -> None:
    port = await port_ahead(rig.client)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(20):
            stranger.sendto(wire.build(8, False, number, 160 * number, 7, bytes(160)), ("127.0.0.1", port))
            stranger.sendto(b"\x80\xc9\x00\x01\x00\x00\x00\x07", ("127.0.0.1", port + 1))
        assert await told(rig.client, CreateLeg("a", "call", port=port)) is None
        begun = (await rig.client.stats()).ticks
        while (await rig.client.stats()).ticks < begun + 3:
            pass
        await rig.do(DestroyLeg("a"))
        stats = await rig.event(LegStats, leg_id="a")
    assert (stats.packets_in, stats.strangers, stats.malformed) == (0, 0, 0)
    assert not rig.kinds(FirstRtp)


async def test_a_leg_keeps_the_port_that_it_has(rig: Rig) -> None:
    """Repeated, and asked for again by a signalling process that does not know its port."""
    port, other = await port_ahead(rig.client), await port_ahead(rig.client)
    create = CreateLeg("a", "call", port=port)
    assert await told(rig.client, create) is None
    assert await told(rig.client, create) is None
    assert await told(rig.client, CreateLeg("a", "call", port=other)) == "bad-argument"
    assert await rig.client.create_leg(CreateLeg("a", "call")) == port
    assert (await rig.client.stats()).legs == 1


async def test_a_port_of_another_leg_or_of_nobody_is_refused(rig: Rig) -> None:
    port = await port_ahead(rig.client)
    assert await told(rig.client, CreateLeg("a", "call", port=port)) is None
    assert await told(rig.client, CreateLeg("b", "call", port=port)) == "no-ports"
    assert await told(rig.client, CreateLeg("b", "call", port=1022)) == "no-ports"
    with pytest.raises(MediaRefusedError, match="remote: port 0"):
        await rig.do(CreateLeg("b", "call", remote=("127.0.0.1", 0), port=await port_ahead(rig.client)))
    stats = await rig.client.stats()
    assert (stats.legs, stats.spare_ports) == (1, SPARE - 1)


async def test_ports_of_a_former_connection_are_not_kept(rig: Rig) -> None:
    await port_ahead(rig.client)

    def files() -> int:
        return len(list(Path(f"/proc/{rig.process.pid}/fd").iterdir()))

    with_spares = files()
    for _ in range(3):
        former = rig.client
        await port_ahead(await rig.attach())
        await former.close()
        assert former.ports.take() is None
    assert (await rig.client.stats()).spare_ports == SPARE
    assert files() == with_spares
    await rig.client.close()
    master = await RawMaster.connect(str(rig.directory / "media.sock"))
    assert isinstance(await master.message(), Snapshot)
    master.order(Stats())
    reply = await master.message()
    assert isinstance(reply, Reply)
    assert isinstance(reply.value, WorkerStats)
    assert reply.value.spare_ports == 0
    assert files() == with_spares - 2 * SPARE


async def test_an_order_that_a_broken_connection_swallowed_is_done_at_the_next(rig: Rig) -> None:
    """The worker has closed the port with all others of that connection, and does not tell it to anybody else."""
    port = await port_ahead(rig.client)
    rig.process.send_signal(signal.SIGSTOP)
    created = told(rig.client, CreateLeg("a", "call", port=port))
    rig.client._drop_connection()  # before the order has left
    assert rig.client.ports.take() is None
    rig.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(5):
        assert await created is None
    others = {await port_ahead(rig.client) for _ in range(SPARE)}
    assert port not in others
    assert await rig.client.create_leg(CreateLeg("a", "call")) == port


async def test_a_new_worker_has_ports_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the old one are forgotten. An order that it had not done is done at the same port, which nobody else gets."""
    monkeypatch.setattr(media_client, "POST_WITHIN_S", 60.0)
    ports = rtp_range()
    first = start_worker(tmp_path, ports)
    client = await MediaClient.connect(str(tmp_path / "media.sock"), lambda _: None)
    port = await port_ahead(client)
    first.send_signal(signal.SIGSTOP)
    created = told(client, CreateLeg("a", "call", port=port))
    client.flush()
    first.kill()
    await asyncio.to_thread(first.wait)
    async with asyncio.timeout(5):
        while client.connected:
            await asyncio.sleep(0.01)
    assert client.ports.take() is None
    second = start_worker(tmp_path, ports)
    try:
        async with asyncio.timeout(20):
            assert await created is None
        for number in range(2 * SPARE):
            assert await told(client, CreateLeg(str(number), "call", port=await port_ahead(client))) is None
        assert await client.create_leg(CreateLeg("a", "call")) == port
    finally:
        await client.close()
        second.kill()
        second.wait()


async def test_of_a_small_range_few_or_none_are_bound_ahead(tmp_path: Path, phones: RtpPeers) -> None:
    for pairs in (3, 40):
        folder = tmp_path / str(pairs)
        folder.mkdir()
        rig = Rig(folder, start_worker(folder, rtp_range(2 * pairs)), phones)
        client = await rig.attach()
        try:
            await client.stats()
            ahead = [port for _ in range(pairs) if (port := client.ports.take()) is not None]
            stats = await client.stats()
            assert len(ahead) == stats.spare_ports == pairs // SPARE_SHARE
            assert await client.create_leg(CreateLeg("a", "call")) not in ahead
        finally:
            await client.close()
            rig.process.kill()
            rig.process.wait()


async def test_a_draining_worker_binds_nothing_ahead(rig: Rig) -> None:
    await rig.client.create_leg(CreateLeg("a", "call"))
    port = await port_ahead(rig.client)
    await rig.do(Drain())
    assert await told(rig.client, CreateLeg("b", "call", port=port)) == "draining"
    assert (await rig.client.request(ReservePorts(SPARE))).value == PortsReserved(())
    await rig.do(DestroyLeg("a"))
    await rig.event(Drained)


def test_a_port_that_is_bound_ahead_is_used_once() -> None:
    low = int(rtp_range(80).split("-")[0])
    ports = Ports("127.0.0.1", range(low, low + 80, 2))
    assert ports.spare == 0
    ahead = ports.reserve(100)
    assert len(ahead) == ports.spare == 40 // SPARE_SHARE
    assert ports.reserve(100) == ahead
    pair = ports.take(ahead[0])
    assert (pair.port, ports.spare) == (ahead[0], len(ahead) - 1)
    with pytest.raises(NoPortsError):
        ports.take(ahead[0])
    pair.open.close()
    pair.rtcp.close()
    ports.release()
    assert ports.spare == 0
