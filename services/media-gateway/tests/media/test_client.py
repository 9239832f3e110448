"""What the worker says is dealt with in its order, and after its snapshot."""

import asyncio

from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.protocol import Reply, Snapshot
from callstream_media_gateway.media.worker_commands import CreateLeg, DestroyLeg
from callstream_media_gateway.media.worker_events import AnyEvent, LegStats

from .rig import Rig


async def test_nothing_is_dealt_with_before_the_snapshot_is(rig: Rig) -> None:
    """A repeated order that is told to be done would make a leg that the snapshot lacks look lost."""
    await rig.client.close()
    story: list[str] = []
    may_go_on, done = asyncio.Event(), asyncio.Event()

    def on_event(event: AnyEvent) -> None:
        assert isinstance(event, LegStats)
        story.append(event.leg_id)

    async def on_snapshot(_: Snapshot) -> None:
        story.append("snapshot")
        await may_go_on.wait()
        story.append("greeted")

    def told(_: Reply | None) -> None:
        story.append("done")
        done.set()

    client = MediaClient(str(rig.directory / "media.sock"), on_event, on_snapshot)
    client._keeper = asyncio.create_task(client._keep_connected())
    async with asyncio.timeout(5):
        while not story:
            await asyncio.sleep(0)
        client.post(CreateLeg("a", "call"), lambda _: None)
        client.post(DestroyLeg("a"), told)
        while len(client._kept) < 4:  # its ports ahead, its port, its figures, and that all is done
            await asyncio.sleep(0)
        assert story == ["snapshot"]
        may_go_on.set()
        await done.wait()
    assert story == ["snapshot", "greeted", "a", "done"]
    await client.close()


async def test_an_event_that_cannot_be_dealt_with_stops_no_other(rig: Rig) -> None:
    await rig.client.close()
    told: list[str] = []

    def fail_at_first(event: AnyEvent) -> None:
        assert isinstance(event, LegStats)
        told.append(event.leg_id)
        assert event.leg_id != "a"

    client = await MediaClient.connect(str(rig.directory / "media.sock"), fail_at_first)
    for leg_id in "ab":
        await client.create_leg(CreateLeg(leg_id, "call"))
        await client.request(DestroyLeg(leg_id))
    await client.caught_up()
    assert told == ["a", "b"]
    await client.close()
    after = await rig.attach()
    await after.caught_up()
    assert not rig.events, "both count as dealt with"
