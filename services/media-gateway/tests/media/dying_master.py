"""A signalling process that is killed while it deals with its second event, on the socket that it is given. Prints their ids."""

import asyncio
import os
import signal
import sys

from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.worker_commands import CreateLeg, DestroyLeg
from callstream_media_gateway.media.worker_events import AnyEvent


async def main(path: str) -> None:
    seen: list[AnyEvent] = []

    def die_at_second(event: AnyEvent) -> None:
        os.write(1, f"{event.event_id}\n".encode())
        seen.append(event)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    client = await MediaClient.connect(path, die_at_second)
    await client.create_leg(CreateLeg("a", "call"))
    await client.request(DestroyLeg("a"))
    while not seen or (await client.stats()).events_kept:
        await asyncio.sleep(0.01)
    for leg_id in "bc":
        await client.create_leg(CreateLeg(leg_id, "call"))
    client.post(DestroyLeg("b"), lambda _: None)
    client.post(DestroyLeg("c"), lambda _: None)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
