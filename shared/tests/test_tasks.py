import asyncio

from callstream.runtime.tasks import Bell, end


async def test_a_task_that_drops_a_cancellation_is_cancelled_again() -> None:
    dropped = 0

    async def stubborn() -> None:
        nonlocal dropped
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                dropped += 1
                if dropped == 2:
                    raise

    async def failing() -> None:
        raise RuntimeError("nobody asked")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(*tasks, None)
    assert dropped == 2
    assert all(task.done() for task in tasks)


async def test_a_bell_is_heard_by_who_waits_and_by_who_comes_too_late() -> None:
    bell, heard = Bell(), 0

    async def listen() -> None:
        nonlocal heard
        while True:
            await bell.wait()
            heard += 1

    bell.ring()
    bell.ring()
    task = asyncio.create_task(listen())
    for _ in range(3):
        await asyncio.sleep(0)
    assert heard == 1, "rings that nobody waited for are one"
    bell.ring()
    bell.ring()
    for _ in range(3):
        await asyncio.sleep(0)
    assert heard == 2
    await end(task)
    bell.ring()
    async with asyncio.timeout(10):
        await bell.wait()
