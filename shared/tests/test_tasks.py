import asyncio

from callstream.runtime.tasks import end


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
