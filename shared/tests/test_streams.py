import pytest
from nats.aio.client import Client
from nats.js.api import StorageType, StreamConfig

from callstream.contracts.subjects import DEAD_LETTER_STREAM, EVENTS_STREAM
from callstream.runtime.streams import IncompatibleStream, declare, definitions

from .nats_server import Server


async def test_declaring_twice_changes_nothing(nc: Client) -> None:
    await declare(nc)
    js = nc.jetstream()
    assert {info.config.name for info in await js.streams_info()} == {wanted["name"] for wanted in definitions()}
    assert (await js.stream_info(EVENTS_STREAM)).config.allow_direct


async def test_a_limit_that_changed_is_brought_up_to_date_and_the_content_stays(nc: Client) -> None:
    js = nc.jetstream()
    await js.publish("dlq.x.acme.call.arrived", b"{}")
    config = (await js.stream_info(DEAD_LETTER_STREAM)).config
    config.max_bytes = 1024 * 1024
    await js.update_stream(config)
    await declare(nc)
    info = await js.stream_info(DEAD_LETTER_STREAM)
    assert (info.config.max_bytes, info.state.messages) == (256 * 1024 * 1024, 1)


async def test_a_stream_in_memory_is_not_replaced_but_told(server: Server) -> None:
    nc = await server.connect()
    await nc.jetstream().add_stream(StreamConfig(name=EVENTS_STREAM, subjects=["cs.>"], storage=StorageType.MEMORY))
    with pytest.raises(IncompatibleStream, match="storage is 'memory', needed is 'file'"):
        await declare(nc)
    await nc.close()
