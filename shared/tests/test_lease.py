import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from nats.aio.client import Client

from callstream.runtime import lease as lease_module
from callstream.runtime.lease import Lease

from .nats_server import Server

WITHIN_S = 15.0


async def until_held(lease: Lease) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not lease.held():
            await asyncio.sleep(0.01)


async def until_gone(lease: Lease) -> None:
    async with asyncio.timeout(WITHIN_S):
        while lease.held():
            await asyncio.sleep(0.01)


async def abandon(lease: Lease) -> None:
    """What a kill -9 leaves: no renewal, nothing given back."""
    assert lease._task is not None
    lease._task.cancel()
    await asyncio.gather(lease._task, return_exceptions=True)


@pytest.fixture
async def leases() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def begin(stack: AsyncExitStack, nc: Client, instance: str) -> Lease:
    lease = Lease(nc, "routing", instance)
    await lease.start()
    stack.push_async_callback(lease.stop)
    return lease


async def test_one_holds_and_the_other_knows_who(nc: Client, leases: AsyncExitStack) -> None:
    first = await begin(leases, nc, "a")
    await until_held(first)
    second = await begin(leases, nc, "b")
    async with asyncio.timeout(WITHIN_S):
        await second.known.wait()
    assert (first.held(), second.held(), second.holder) == (True, False, "a")


async def test_of_many_that_come_at_once_one_holds(nc: Client, leases: AsyncExitStack) -> None:
    rivals = [await begin(leases, nc, f"i{i}") for i in range(6)]
    async with asyncio.timeout(WITHIN_S):
        for rival in rivals:
            await rival.known.wait()
    assert sum(rival.held() for rival in rivals) == 1


async def test_a_killed_holder_is_replaced_and_never_two_hold(nc: Client, leases: AsyncExitStack) -> None:
    first = await begin(leases, nc, "a")
    await until_held(first)
    second = await begin(leases, nc, "b")
    await abandon(first)
    async with asyncio.timeout(WITHIN_S):
        while not second.held():
            await asyncio.sleep(0.005)
    assert not first.held(), "the old holder counts itself out before anyone takes over"


async def test_a_lease_given_back_is_free_at_once(nc: Client, leases: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "TAKE_OVER_S", 3600)
    first = await begin(leases, nc, "a")
    await until_held(first)
    second = await begin(leases, nc, "b")
    await second.known.wait()
    await first.stop()
    assert not first.held()
    await until_held(second)


async def test_the_same_instance_takes_its_own_lease_back(
    nc: Client, leases: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "TAKE_OVER_S", 3600)
    before = await begin(leases, nc, "a")
    await until_held(before)
    await abandon(before)
    await until_held(await begin(leases, nc, "a"))


async def test_an_expired_key_counts_as_absent(nc: Client, leases: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "TTL_S", 1)
    monkeypatch.setattr(lease_module, "TAKE_OVER_S", 3600)
    first = await begin(leases, nc, "a")
    await until_held(first)
    await abandon(first)
    await until_held(await begin(leases, nc, "b"))


async def test_a_holder_whose_key_was_taken_loses_it_at_the_next_renewal(nc: Client, leases: AsyncExitStack) -> None:
    first = await begin(leases, nc, "a")
    await until_held(first)
    changes: list[bool] = []
    first.on_change.append(lambda: changes.append(first.held()))
    kv = await nc.jetstream().key_value("LEASES")
    await kv.put("routing", b'{"instance":"b","run":"x"}')
    await until_gone(first)
    await until_held(first)  # b never renews
    assert changes == [False, True]


async def test_without_a_broker_nobody_holds_and_afterwards_one_does(server: Server, nc: Client, leases: AsyncExitStack) -> None:
    first = await begin(leases, nc, "a")
    await until_held(first)
    await server.kill()
    await until_gone(first)
    await server.start()
    await until_held(first)
