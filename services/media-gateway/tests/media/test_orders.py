"""Orders that nobody waits for: told to be done many at a time, taken at the worker's steps, done even if signalling has died."""

import asyncio
import signal
from pathlib import Path

import pytest

from callstream_media_gateway.media import client as media_client
from callstream_media_gateway.media.protocol import Done, LegCreated, Reply, Snapshot
from callstream_media_gateway.media.worker_commands import AnyCommand, CreateLeg, DestroyLeg, Mask
from callstream_media_gateway.media.worker_events import LegStats

from .raw_master import RawMaster
from .rig import Rig


@pytest.fixture
async def master(rig: Rig) -> RawMaster:
    """In the place of the rig's client."""
    await rig.client.close()
    master = await RawMaster.connect(str(rig.directory / "media.sock"))
    assert isinstance(await master.message(), Snapshot)
    return master


async def test_only_refusals_and_values_are_answered_each_for_itself(master: RawMaster) -> None:
    masks = Mask("a", True), Mask("a", False), Mask("x", True), Mask("a", True), Mask("a", False)
    master.order(CreateLeg("a", "call"), *masks)
    created, refused, done = [await master.message() for _ in range(3)]
    assert isinstance(created, Reply)
    assert isinstance(created.value, LegCreated)
    assert isinstance(refused, Reply)
    assert (created.request_id, refused.request_id, refused.refusal) == (1, 4, "unknown-leg")
    assert done == Done(6)
    master.order(Mask("a", True), Mask("x", True))
    refused = await master.message()
    assert isinstance(refused, Reply)
    assert (refused.request_id, refused.refusal) == (8, "unknown-leg")
    master.order(DestroyLeg("a"))
    await master.message()  # its figures
    assert await master.message() == Done(9), "nothing more was said of the seventh"


async def test_each_order_is_told_its_own_end_in_order(rig: Rig) -> None:
    await rig.client.create_leg(CreateLeg("a", "call"))
    told: list[tuple[int, str | None]] = []
    all_told = asyncio.Event()

    def post(number: int, command: AnyCommand) -> None:
        def answered(reply: Reply | None) -> None:
            assert reply is not None
            told.append((number, reply.refusal))
            if number == 4:
                all_told.set()

        rig.client.post(command, answered)

    for number, leg_id in enumerate(("a", "x", "a", "x", "a")):
        post(number, Mask(leg_id, True))
    async with asyncio.timeout(5):
        await all_told.wait()
    assert told == [(0, None), (1, "unknown-leg"), (2, None), (3, "unknown-leg"), (4, None)]


async def test_an_order_that_is_not_answered_in_time_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_client, "POST_WITHIN_S", 0.0)
    given_up = asyncio.Event()
    rig.process.send_signal(signal.SIGSTOP)
    try:
        rig.client.post(Mask("a", True), lambda reply: given_up.set() if reply is None else None)
        async with asyncio.timeout(5):
            await given_up.wait()
    finally:
        rig.process.send_signal(signal.SIGCONT)
    assert (await rig.client.stats()).legs == 0, "its late refusal harms nobody"


async def test_what_was_ordered_before_a_kill_is_done(rig: Rig) -> None:
    """Signalling's notes say so. The worker has no way left to answer it."""
    await rig.client.close()
    rig.process.send_signal(signal.SIGSTOP)
    killed = await RawMaster.connect(str(rig.directory / "media.sock"))
    killed.order(CreateLeg("a", "call"), CreateLeg("b", "call"))
    killed.order(CreateLeg("c", "call"), DestroyLeg("b"))
    killed.die()
    rig.process.send_signal(signal.SIGCONT)
    client = await rig.attach()
    assert client.snapshot is not None
    assert {leg.leg_id for leg in client.snapshot.legs} == {"a", "c"}
    await rig.event(LegStats, leg_id="b")


async def test_between_its_steps_orders_do_not_wake_the_worker(rig: Rig) -> None:
    await rig.client.create_leg(CreateLeg("a", "call"))

    def wakeups() -> int:
        status = Path(f"/proc/{rig.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("voluntary_ctxt")))

    begin, before = (await rig.client.stats()).ticks, wakeups()
    ticks = 0
    while ticks < 25:
        for _ in range(5):
            rig.client.post(Mask("a", True), lambda _: None)
            rig.client.flush()
        ticks = (await rig.client.stats()).ticks - begin
    assert wakeups() - before <= 5 * ticks, "four steps a tick, and a little for what else may stop a process"
