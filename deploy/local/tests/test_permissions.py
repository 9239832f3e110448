"""The broker refuses what a service has no business with: asked of a real server, as the service's own user."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats.errors
import pytest
import pytest_asyncio
from nats.aio.client import Client

from callstream.runtime.link import Link
from callstream.runtime.streams import declare
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.embedded.nats_permissions import BUCKETS, OPERATOR, SERVICES

AGGREGATES = sorted({aggregate for aggregates, _ in SERVICES.values() for aggregate in aggregates})


@dataclass
class Session:
    """A connection that remembers what the server refused."""

    client: Client
    refused: list[str] = field(default_factory=list)

    async def may_publish(self, subject: str) -> bool:
        return await self._allowed(self.client.publish(subject, b"{}"))

    async def may_subscribe(self, subject: str) -> bool:
        return await self._allowed(self.client.subscribe(subject))

    async def _allowed(self, action: object) -> bool:
        self.refused.clear()
        await action  # type: ignore[misc]
        # The server's refusal comes before its answer to a flush. Twice, because nats-py's first one overtakes what is
        # still in its own buffer.
        await self.client.flush()
        await self.client.flush()
        return not self.refused


@asynccontextmanager
async def session(server: EmbeddedNats, user: str) -> AsyncIterator[Session]:
    refused: list[str] = []

    async def on_error(error: Exception) -> None:
        refused.append(str(error))

    client = await server.connect(user, error_cb=on_error)
    try:
        yield Session(client, refused)
    finally:
        await client.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedNats]:
    async with EmbeddedNats(tmp_path_factory.mktemp("nats"), durability="fast") as running:
        client = await running.connect()
        await declare(client)
        await client.close()
        yield running


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_appends_to_its_own_aggregates_only(server: EmbeddedNats, service: str) -> None:
    async with session(server, service) as me:
        allowed = [name for name in AGGREGATES if await me.may_publish(f"cs.acme.{name}.1.happened")]
    assert allowed == sorted(SERVICES[service][0])


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_commands_only_whom_it_must_and_hears_only_its_own(server: EmbeddedNats, service: str) -> None:
    async with session(server, service) as me:
        commanded = {name for name in SERVICES if await me.may_publish(f"cmd.{name}.acme.act")}
        heard = {name for name in SERVICES if await me.may_subscribe(f"cmd.{name}.*.act")}
    assert commanded == set(SERVICES[service][1])
    assert heard == {service}


@pytest.mark.parametrize("service", SERVICES)
async def test_buckets_are_written_by_those_in_the_table(server: EmbeddedNats, service: str) -> None:
    async with session(server, service) as me:
        written = {name for name in BUCKETS if await me.may_publish(f"$KV.{name}.acme.key")}
    assert written == {name for name, (_, writers) in BUCKETS.items() if writers is None or service in writers}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("bucket", "readers"),
    [("CREDENTIALS", {"media-gateway"}), ("ARCHIVE_KEYS", {"media-gateway", "reporting"})],
)
async def test_secrets_are_read_by_those_alone_who_need_them(
    server: EmbeddedNats, service: str, bucket: str, readers: set[str]
) -> None:
    async with session(server, service) as me:
        ways = [
            f"$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.acme.key",
            f"$JS.API.STREAM.MSG.GET.KV_{bucket}",
            f"$JS.API.CONSUMER.CREATE.KV_{bucket}.spy",
            f"$JS.API.CONSUMER.MSG.NEXT.KV_{bucket}.spy",
        ]
        open_ways = [way for way in ways if await me.may_publish(way)]
        assert open_ways == (ways if service in readers else [])
        assert not await me.may_subscribe(f"$KV.{bucket}.>")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "subject",
    [
        "$JS.API.STREAM.DELETE.EVENTS",
        "$JS.API.STREAM.PURGE.EVENTS",
        "$JS.API.STREAM.UPDATE.EVENTS",
        "$JS.API.STREAM.CREATE.MINE",
        "$JS.API.STREAM.MSG.DELETE.EVENTS",
        "$JS.API.STREAM.SNAPSHOT.EVENTS",
        "$SYS.REQ.SERVER.PING",
        "dlq.another.acme.call.1",
    ],
)
async def test_no_service_administrates(server: EmbeddedNats, service: str, subject: str) -> None:
    async with session(server, service) as me:
        assert not await me.may_publish(subject)


@pytest.mark.parametrize("service", SERVICES)
async def test_no_service_reads_the_inbox_of_another(server: EmbeddedNats, service: str) -> None:
    other = next(name for name in SERVICES if name != service)
    async with session(server, service) as me:
        assert await me.may_subscribe(f"_INBOX.{service}.abc.*")
        assert not await me.may_subscribe(f"_INBOX.{other}.>")
        assert not await me.may_subscribe("_INBOX.>")
        assert not await me.may_subscribe(">")


async def test_a_refused_append_is_not_in_the_log(server: EmbeddedNats) -> None:
    async with session(server, OPERATOR) as operator, session(server, "routing") as routing:
        stream = operator.client.jetstream()
        before = (await stream.stream_info("EVENTS")).state.messages
        assert not await routing.may_publish("cs.acme.agent.1.state-changed")
        assert (await stream.stream_info("EVENTS")).state.messages == before
        assert await routing.may_publish("cs.acme.queue.1.queued")
        assert (await stream.stream_info("EVENTS")).state.messages == before + 1


async def test_a_command_is_answered_across_users(server: EmbeddedNats) -> None:
    """Routing asks, agent-state answers into routing's inbox, where it may publish nothing unasked."""
    async with session(server, "agent-state") as agents, session(server, "routing") as routing:

        async def answer(message: object) -> None:
            await message.respond(b"accepted")  # type: ignore[attr-defined]

        await agents.client.subscribe("cmd.agent-state.*.reserve", cb=answer)
        await Link.of(agents.client).flush()
        reply = await routing.client.request("cmd.agent-state.acme.reserve", b"{}", timeout=5)
        assert reply.data == b"accepted"
        assert not await agents.may_publish("_INBOX.routing.unasked")


async def test_every_service_reads_the_log(server: EmbeddedNats) -> None:
    async with session(server, "media-gateway") as gateway:
        await gateway.client.jetstream().publish("cs.acme.call.7.arrived", b"{}", timeout=5)
    for service in SERVICES:
        async with session(server, service) as me:
            subscription = await me.client.jetstream().pull_subscribe(
                "cs.*.call.7.*", stream="EVENTS", inbox_prefix=f"_INBOX.{service}.".encode()
            )
            messages = await subscription.fetch(1, timeout=5)
            assert messages[0].subject == "cs.acme.call.7.arrived"
            await messages[0].ack_sync()
            await subscription.unsubscribe()


async def test_a_stranger_is_refused(server: EmbeddedNats) -> None:
    for credentials in ({}, {"user": "routing", "password": "guess"}, {"user": "nobody", "password": ""}):
        with pytest.raises(nats.errors.Error):
            await nats.connect(server.address, allow_reconnect=False, reconnect_time_wait=0, **credentials)


def test_secrets_and_configuration_are_private(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path)
    server.prepare()
    for file in ("secrets.json", "nats/nats.conf"):
        assert (tmp_path / file).stat().st_mode & 0o777 == 0o600
