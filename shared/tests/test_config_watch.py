import asyncio
from collections.abc import Callable

import pytest
from nats.aio.client import Client

from callstream.contracts.config import Agent, AudioFile, Document, Settings, SkillGroup
from callstream.contracts.credentials import SipCredential
from callstream.contracts.flow import End, Flow, Start
from callstream.contracts.lines import Number, Trunk
from callstream.runtime.config_watch import Configuration, Credentials, publication

from .nats_server import Server

SALES = SkillGroup(id="sales", name="Sales")
ANNA = Agent(id="7001", name="Anna", email="anna@example.com", groups=("sales",), sip_user="anna")
HOTLINE = Number(number="+861088880000", flow_id="main", flow_version=2)
TRUNK = Trunk(id="t1", peers=("10.0.0.1",))
FLOW = Flow(id="main", name="Main", version=2, nodes=(Start(id="s", next="e"), End(id="e")))
SOUND = AudioFile(id="hello", name="Hello", path="acme/hello.wav", sha256="00")
DESK = SipCredential(sip_user="anna", agent_id="7001", realm="acme", ha1_md5="x", ha1_sha256="y")


async def publish(nc: Client, tenant: str, document: Document, bucket: str = "CONFIG") -> None:
    key, value = publication(tenant, document, 1)
    await (await nc.jetstream().key_value(bucket)).put(key, value)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


ALL = [Settings(ring_timeout_s=5), SALES, ANNA, HOTLINE, TRUNK, FLOW, SOUND]


def test_documents_in_memory_are_found_by_their_kind() -> None:
    check(Configuration.of({"acme": ALL}))


async def test_documents_of_a_bucket_are_found_by_their_kind(nc: Client) -> None:
    for document in ALL:
        await publish(nc, "acme", document)
    config = Configuration()
    await config.watch(nc)
    async with asyncio.timeout(10):
        await config.ready.wait()
    check(config)
    await config.stop()


def check(config: Configuration) -> None:
    assert config.settings("acme").ring_timeout_s == 5
    assert config.settings("nobody") == Settings()
    assert (config.group("acme", "sales"), config.groups("acme"), config.group("acme", "x")) == (SALES, [SALES], None)
    assert (config.agent("acme", "7001"), config.agents("acme"), config.agents("nobody")) == (ANNA, [ANNA], [])
    assert config.number("+861088880000") == config.number("861088880000", "acme") == ("acme", HOTLINE)
    assert config.number("+861088880000", "nobody") is None
    assert config.numbers("acme") == [HOTLINE]
    assert config.trunks() == [("acme", TRUNK)]
    assert (config.flow("acme", "main", 2), config.flow("acme", "main", 1)) == (FLOW, None)
    assert config.audio("acme", "hello") == SOUND
    assert config.tenants() == ["acme"]


async def test_an_empty_bucket_is_ready(nc: Client) -> None:
    config = Configuration()
    await config.watch(nc)
    async with asyncio.timeout(10):
        await config.ready.wait()
    assert config.trunks() == []
    await config.stop()


async def test_changes_and_deletions_arrive_and_are_told(nc: Client) -> None:
    await publish(nc, "acme", SALES)
    config, told = Configuration(), list[tuple[str, str, str]]()

    def fail(*_: str) -> None:
        raise RuntimeError("a listener's fault")

    config.on_change += [fail, lambda *change: told.append(change)]
    await config.watch(nc)
    async with asyncio.timeout(10):
        await config.ready.wait()
    assert told == [], "what was there at the start is no change"
    await publish(nc, "acme", SkillGroup(id="sales", name="Sales and more"))
    await eventually(lambda: config.groups("acme")[0].name == "Sales and more")
    await (await nc.jetstream().key_value("CONFIG")).delete("acme.group.sales")
    await eventually(lambda: config.groups("acme") == [])
    assert told == [("acme", "group", "sales")] * 2
    await config.stop()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("acme.group.sales", b"rubbish"),
        ("acme.group.sales", b'{"revision": 1, "body": {"id": "sales", "name": ""}}'),
        ("acme.group.sales", b'{"revision": 1, "body": {"id": "other", "name": "Other"}}'),
        ("acme.group.sales", b'{"revision": 1, "body": {"id": "sales", "name": "Sales", "unheard_of": 1}}'),
        ("acme.no-such-kind.x", b'{"revision": 1, "body": {}}'),
        ("acme", b"{}"),
    ],
)
async def test_what_is_not_valid_is_refused_and_the_old_one_stays(nc: Client, key: str, value: bytes) -> None:
    await publish(nc, "acme", SALES)
    config = Configuration()
    await config.watch(nc)
    async with asyncio.timeout(10):
        await config.ready.wait()
    await (await nc.jetstream().key_value("CONFIG")).put(key, value)
    await publish(nc, "acme", ANNA)
    await eventually(lambda: config.agents("acme") == [ANNA])
    assert config.groups("acme") == [SALES]
    await config.stop()


async def test_the_watch_outlives_the_broker(server: Server, nc: Client) -> None:
    config = Configuration()
    await config.watch(nc)
    await publish(nc, "acme", SALES)
    await eventually(lambda: config.groups("acme") == [SALES])
    await server.kill()
    await server.start()
    other = await server.connect()
    await publish(other, "acme", ANNA)
    await eventually(lambda: config.agents("acme") == [ANNA])
    assert config.groups("acme") == [SALES]
    await config.stop()
    await other.close()


async def test_credentials_have_their_own_bucket(nc: Client) -> None:
    await publish(nc, "acme", DESK, "CREDENTIALS")
    credentials = Credentials()
    await credentials.watch(nc)
    async with asyncio.timeout(10):
        await credentials.ready.wait()
    assert credentials.of_user("acme", "anna") == DESK
    assert credentials.find("anna") == [("acme", DESK)]
    assert credentials.find("nobody") == []
    await credentials.stop()
