"""The HTTP API on a real PostgreSQL: sign-in, roles, apply, audio, operation log and the outbox behind it."""

import asyncio
import hashlib
import io
import wave
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.plugins.servers import FreshSchema

from callstream.contracts.commands import Command, Reply, SetState, SignIn
from callstream.contracts.roles import Role
from callstream.contracts.trunk_commands import ListTrunks
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Reason
from callstream.runtime.auth import TokenVerifier
from callstream_console import migrations
from callstream_console.adapters.contacts import Contacts
from callstream_console.adapters.documents import Documents
from callstream_console.adapters.outbox import Outbox, PublishFailed
from callstream_console.adapters.people import Login, People
from callstream_console.adapters.tokens import TokenSigner
from callstream_console.api import build_api
from callstream_console.app.on_log_in import LogIn
from callstream_console.parts import Parts


class RecordedCommands:
    """Stands where agent-state listens: remembers what was sent and answers as told."""

    def __init__(self) -> None:
        self.sent: list[tuple[Command, str]] = []
        self.reply = Reply(accepted=True)
        self.replies: dict[type[Command], Any] = {}
        """By command, before `reply`: a result, a Reply, or a function of the command that gives one of these."""

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        self.sent.append((command, scope))
        if type(command) in self.replies:
            found = self.replies[type(command)]
            found = found(command) if callable(found) else found
            return found if isinstance(found, Reply) else Reply(accepted=True, result=msgspec.Raw(msgspec.json.encode(found)))
        return self.reply


class MemoryBuckets:
    """Buckets that can be made to fail."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], bytes | None] = {}
        self.order: list[str] = []
        self.down = False

    async def put(self, bucket: str, key: str, value: bytes | None) -> None:
        if self.down:
            raise PublishFailed("the broker is away")
        self.values[bucket, key] = value
        self.order.append(key)


class MovableClock(SystemClock):
    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> Any:
        return super().now() + self.offset


class House:
    """Console without its frame: API, database and what it would publish."""

    def __init__(self, pool: asyncpg.Pool, keys: Path) -> None:
        self.commands, self.buckets, self.clock = RecordedCommands(), MemoryBuckets(), MovableClock()
        self.documents, self.people = Documents(pool), People(pool)
        self.outbox = Outbox(pool, self.buckets)
        ids = iter(range(10_000))
        self.prompts = keys / "prompts"
        self.pool = pool
        self.app = build_api(
            Parts(
                documents=self.documents,
                people=self.people,
                contacts=Contacts(pool),
                log_in=LogIn(self.people, TokenSigner(keys / "private.pem"), self.clock),
                outbox=self.outbox,
                commands=self.commands,  # type: ignore[arg-type]
                verifier=TokenVerifier.from_file(keys / "public.pem"),
                prompts=self.prompts,
                new_id=lambda: f"id{next(ids):05}",
                origins=frozenset({"https://s3.example.com", "https://s3.eu-central-1.amazonaws.com"}),
            )
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://console")

    async def add(self, email: str, role: Role, tenant: str = "main", agent_id: str = "", groups: tuple[str, ...] = ()) -> None:
        login = Login(email=email, role=role, password="correct horse", agent_id=agent_id, groups=groups)
        async with self.pool.acquire() as connection, connection.transaction():
            await self.people.put(connection, tenant, login, email)

    async def token(self, email: str) -> dict[str, str]:
        response = await self.client.post("/v1/login", json={"email": email, "password": "correct horse"})
        assert response.status_code == 200, response.text
        return {"Authorization": f"Bearer {response.json()['access_token']}"}


@pytest_asyncio.fixture
async def house(fresh_schema: FreshSchema, tmp_path: Path) -> AsyncIterator[House]:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "private.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "public.pem").write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    database = await fresh_schema("callstream_console", migrations.HEAD)
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        house = House(pool, tmp_path)
        for role in Role:
            groups = ("sales",) if role is Role.SUPERVISOR else ()
            await house.add(f"{role}@example.com", role, agent_id="1001" if role is Role.AGENT else "", groups=groups)
        yield house
        await house.client.aclose()


MANIFEST = {
    "groups": [{"id": "sales", "name": "Sales"}],
    "agents": [
        {
            "id": "1001",
            "name": "Ann",
            "email": "ann@example.com",
            "phone": {"user": "1001", "password": "very secret"},
            "groups": ["sales"],
        }
    ],
}


@pytest.mark.feature("F068", "F271")
async def test_a_password_gives_a_token_of_the_persons_role_and_a_wrong_one_gives_none(house: House) -> None:
    wrong = await house.client.post("/v1/login", json={"email": "admin@example.com", "password": "wrong"})
    nobody = await house.client.post("/v1/login", json={"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status_code == nobody.status_code == 403
    assert wrong.json() == nobody.json(), "the answer does not tell whether the address exists"
    assert (await house.client.post("/v1/apply", json={})).status_code == 401
    forged = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."}
    assert (await house.client.post("/v1/apply", json={}, headers=forged)).status_code == 401
    for role, status in {Role.ADMIN: 200, Role.SUPERVISOR: 403, Role.AGENT: 403, Role.ANALYST: 403, Role.REVIEWER: 403}.items():
        headers = await house.token(f"{role}@example.com")
        assert (await house.client.post("/v1/apply", json={}, headers=headers)).status_code == status, role


async def test_five_wrong_passwords_close_the_address_for_half_a_minute(house: House) -> None:
    for _ in range(5):
        await house.client.post("/v1/login", json={"email": "admin@example.com", "password": "wrong"})
    right = {"email": "admin@example.com", "password": "correct horse"}
    closed = await house.client.post("/v1/login", json=right)
    assert closed.status_code == 429
    assert 0 < int(closed.headers["retry-after"]) <= 30
    house.clock.offset = timedelta(seconds=31)
    assert (await house.client.post("/v1/login", json=right)).status_code == 200


async def test_access_tokens_expire_and_a_refresh_token_works_once(house: House) -> None:
    house.clock.offset = timedelta(minutes=-16)
    old = await house.token("admin@example.com")
    expired = await house.client.get("/v1/config/group", headers=old)
    assert (expired.status_code, expired.json()["expired"]) == (401, True)
    house.clock.offset = timedelta()
    login = await house.client.post("/v1/login", json={"email": "admin@example.com", "password": "correct horse"})
    refresh = {"refresh_token": login.json()["refresh_token"]}
    assert (await house.client.post("/v1/refresh", json=refresh)).status_code == 200
    assert (await house.client.post("/v1/refresh", json=refresh)).status_code == 403


async def test_apply_publishes_documents_and_keeps_secrets_to_the_gateways_bucket(house: House) -> None:
    headers = await house.token("admin@example.com")
    first = await house.client.post("/v1/apply", json=MANIFEST, headers=headers)
    assert first.json()["created"] == ["group/sales", "agent/1001", "sip-credential/1001"]
    again = await house.client.post("/v1/apply", json=MANIFEST, headers=headers)
    assert again.json() == {"created": [], "changed": [], "logins": []}
    await house.outbox.publish_batch()
    assert list(house.buckets.values) == [
        ("CONFIG", "main.group.sales"),
        ("CONFIG", "main.agent.1001"),
        ("CREDENTIALS", "main.sip-credential.1001"),
    ]
    listed = await house.client.get("/v1/config/agent", headers=headers)
    log = await house.client.get("/v1/operations", headers=headers)
    published = b"".join(value or b"" for (bucket, _), value in house.buckets.values.items() if bucket == "CONFIG")
    for text in (listed.text, log.text, published.decode()):
        assert "very secret" not in text
        assert "ha1" not in text
    assert (await house.client.get("/v1/config/sip-credential", headers=headers)).status_code == 422


async def test_the_operation_log_says_who_changed_what(house: House) -> None:
    headers = await house.token("admin@example.com")
    await house.client.post("/v1/apply", json=MANIFEST, headers=headers)
    renamed = {"groups": [{"id": "sales", "name": "Sales North"}]}
    await house.client.post("/v1/apply", json=renamed, headers=headers)
    log = (await house.client.get("/v1/operations", headers=headers)).json()
    assert (log[0]["actor"], log[0]["action"], log[0]["id"]) == ("admin@example.com", "change", "sales")
    assert (log[0]["before"]["name"], log[0]["after"]["name"]) == ("Sales", "Sales North")
    agent = await house.token("agent@example.com")
    assert (await house.client.get("/v1/operations", headers=agent)).status_code == 403


async def test_a_refused_manifest_writes_nothing_and_names_the_field(house: House) -> None:
    headers = await house.token("admin@example.com")
    half_good = {**MANIFEST, "numbers": [{"number": "+8610555", "flow": "missing"}]}
    refused = await house.client.post("/v1/apply", json=half_good, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "numbers[0].flow")
    misspelt = await house.client.post("/v1/apply", json={"groups": [{"id": "a", "nmae": "A"}]}, headers=headers)
    assert misspelt.status_code == 422
    assert "nmae" in misspelt.json()["message"] or "name" in misspelt.json()["message"]
    garbage = await house.client.post("/v1/apply", content=b"{not json", headers=headers)
    assert garbage.status_code == 422
    assert (await house.client.get("/v1/config/group", headers=headers)).json() == []
    assert await house.outbox.pending() == 0


async def test_changes_wait_in_the_outbox_while_the_broker_is_away_and_leave_in_order(house: House) -> None:
    headers = await house.token("admin@example.com")
    house.buckets.down = True
    await house.client.post("/v1/apply", json=MANIFEST, headers=headers)
    task = asyncio.create_task(house.outbox.run())
    await house.client.post("/v1/apply", json={"groups": [{"id": "sales", "name": "New"}]}, headers=headers)
    assert await house.outbox.pending() == 4
    house.buckets.down = False
    async with asyncio.timeout(20):
        while await house.outbox.pending():
            await asyncio.sleep(0.02)
    task.cancel()
    assert house.buckets.order[-4:] == ["main.group.sales", "main.agent.1001", "main.sip-credential.1001", "main.group.sales"]
    value = house.buckets.values["CONFIG", "main.group.sales"]
    assert msgspec.json.decode(value or b"")["body"]["name"] == "New"


@pytest.mark.feature("F275")
async def test_another_tenant_sees_nothing_and_gets_404(house: House) -> None:
    await house.client.post("/v1/apply", json=MANIFEST, headers=await house.token("admin@example.com"))
    await house.add("boss@other.example", Role.ADMIN, tenant="other")
    other = await house.token("boss@other.example")
    assert (await house.client.get("/v1/config/group", headers=other)).json() == []
    assert (await house.client.get("/v1/config/group/sales", headers=other)).status_code == 404
    assert (await house.client.delete("/v1/config/group/sales", headers=other)).status_code == 404
    assert (await house.client.post("/v1/agents/1001/sign-in", headers=other)).status_code == 404
    taken = {"people": [{"email": "admin@example.com", "role": "admin", "password": "long enough"}]}
    assert (await house.client.post("/v1/apply", json=taken, headers=other)).status_code == 409


async def test_audio_of_at_most_5_mb_is_taken_and_anything_else_refused(house: House) -> None:
    headers = await house.token("admin@example.com")
    stored = await house.client.put("/v1/audio/welcome", content=wav(1000), headers=headers)
    assert stored.status_code == 200
    assert (house.prompts / stored.json()["path"]).read_bytes() == wav(1000)
    for content in (b"", b"RIFF....WAVEgarbage", wav(0), wav(5 * 1024 * 1024)):
        refused = await house.client.put("/v1/audio/bad", content=content, headers=headers)
        assert (refused.status_code, refused.json()["field"]) == (422, "content")
    assert (await house.client.put("/v1/audio/a.b", content=wav(10), headers=headers)).status_code == 422


@pytest.mark.feature("F155")
async def test_deleting_a_group_keeps_its_agents(house: House) -> None:
    headers = await house.token("admin@example.com")
    await house.client.post("/v1/apply", json=MANIFEST, headers=headers)
    assert (await house.client.delete("/v1/config/group/sales", headers=headers)).status_code == 204
    assert (await house.client.get("/v1/config/agent/1001", headers=headers)).json()["groups"] == []
    assert (await house.client.delete("/v1/config/group/sales", headers=headers)).status_code == 404


@pytest.mark.feature("F270")
async def test_an_administrator_lists_and_pardons_blocked_callers_and_the_log_says_who(house: House) -> None:
    headers = await house.token("admin@example.com")
    listed = {"blocked": [{"number": "+8613900000002", "reason": "threats"}]}
    assert (
        await house.client.post("/v1/apply", json=listed, headers=await house.token("supervisor@example.com"))
    ).status_code == 403
    assert (await house.client.post("/v1/apply", json=listed, headers=headers)).json()["created"] == ["blocked/8613900000002"]
    found = (await house.client.get("/v1/config/blocked", headers=headers)).json()
    assert found == [{"number": "+8613900000002", "reason": "threats"}]
    wrong = {"blocked": [{"number": "13900000002"}]}
    refused = await house.client.post("/v1/apply", json=wrong, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "blocked[0].number")
    assert (await house.client.delete("/v1/config/blocked/8613900000002", headers=headers)).status_code == 204
    assert (await house.client.get("/v1/config/blocked", headers=headers)).json() == []
    newest = (await house.client.get("/v1/operations", headers=headers)).json()[0]
    assert (newest["action"], newest["kind"], newest["id"]) == ("delete", "blocked", "8613900000002")


async def test_agents_act_for_themselves_and_supervisors_for_their_groups(house: House) -> None:
    await house.client.post("/v1/apply", json=MANIFEST, headers=await house.token("admin@example.com"))
    agent, boss = await house.token("agent@example.com"), await house.token("supervisor@example.com")
    assert (await house.client.post("/v1/agents/me/sign-in", headers=agent)).status_code == 200
    command, scope = house.commands.sent[-1]
    assert isinstance(command, SignIn)
    assert (command.agent_id, command.actor, scope) == ("1001", "agent@example.com", "main")
    assert (await house.client.post("/v1/agents/1002/sign-in", headers=agent)).status_code == 403
    choice = {"state": "break", "reason": "meal"}
    assert (await house.client.post("/v1/agents/1001/state", json=choice, headers=boss)).status_code == 200
    command, _ = house.commands.sent[-1]
    assert isinstance(command, SetState)
    assert (command.state, command.reason, command.forced) == ("break", "meal", True)
    assert (await house.client.post("/v1/agents/1001/state", json={"state": "asleep"}, headers=boss)).status_code == 422
    assert (await house.client.post("/v1/agents/9999/sign-in", headers=boss)).status_code == 404
    house.commands.reply = Reply(accepted=False, reason=Reason.ILLEGAL_STATE, message="not possible in 'offline'")
    refused = await house.client.post("/v1/agents/me/end-wrap-up", headers=agent)
    assert (refused.status_code, refused.json()["reason"]) == (409, "illegal-state")


def test_the_head_of_the_migrations_is_the_newest_version() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "callstream_console:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def wav(size: int) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\1" * (size // 2))
    return content.getvalue()


async def test_the_password_of_an_account_at_a_trunk_is_kept_as_secrets_of_its_realm_and_goes_with_the_trunk(
    house: House,
) -> None:
    headers = await house.token("admin@example.com")

    def trunk(**registration: str) -> dict[str, Any]:
        account = {"user": "acc7", "realm": "itsp", **registration}
        return {"trunks": [{"id": "itsp", "outgoing": {"host": "192.0.2.7"}, "registration": account}]}

    refused = await house.client.post("/v1/apply", json=trunk(), headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "trunks[0].registration.password")
    first = await house.client.post("/v1/apply", json=trunk(password="most secret"), headers=headers)
    assert first.json()["created"] == ["trunk/itsp", "trunk-credential/itsp"]
    again = await house.client.post("/v1/apply", json=trunk(), headers=headers)
    assert again.json() == {"created": [], "changed": [], "logins": []}, "without one, the password stays"
    moved = await house.client.post("/v1/apply", json=trunk(realm="elsewhere"), headers=headers)
    assert moved.json()["field"] == "trunks[0].registration.password", "another realm needs it again"

    await house.outbox.publish_batch()
    assert list(house.buckets.values) == [("CONFIG", "main.trunk.itsp"), ("CREDENTIALS", "main.trunk-credential.itsp")]
    stored = msgspec.json.decode(house.buckets.values["CREDENTIALS", "main.trunk-credential.itsp"] or b"")["body"]
    assert stored["ha1_md5"] == hashlib.md5(b"acc7:itsp:most secret", usedforsecurity=False).hexdigest()
    listed = await house.client.get("/v1/config/trunk", headers=headers)
    log = await house.client.get("/v1/operations", headers=headers)
    for text in (listed.text, log.text, (house.buckets.values["CONFIG", "main.trunk.itsp"] or b"").decode()):
        assert "most secret" not in text
        assert "ha1" not in text

    silent = {"trunks": [{"id": "itsp", "outgoing": {"host": "192.0.2.7"}}]}
    await house.client.post("/v1/apply", json=silent, headers=headers)
    await house.outbox.publish_batch()
    assert house.buckets.values["CREDENTIALS", "main.trunk-credential.itsp"] is None, "who registers no longer needs no secret"
    await house.client.post("/v1/apply", json=trunk(password="most secret"), headers=headers)
    assert (await house.client.delete("/v1/config/trunk/itsp", headers=headers)).status_code == 204
    await house.outbox.publish_batch()
    assert (
        house.buckets.values["CONFIG", "main.trunk.itsp"],
        house.buckets.values["CREDENTIALS", "main.trunk-credential.itsp"],
    ) == (
        None,
        None,
    )


async def test_the_trunks_are_told_as_a_gateway_sees_them_to_those_who_may_read_the_configuration(house: House) -> None:
    down = {"trunk": "away", "gateway": "gw-0", "incoming": 0, "takes_calls": False, "why_not": "down", "message": "OPTIONS: 408"}
    house.commands.replies[ListTrunks] = [down]
    told = await house.client.get("/v1/trunks", headers=await house.token("supervisor@example.com"))
    assert (told.status_code, told.json()) == (200, [down])
    command, scope = house.commands.sent[-1]
    assert isinstance(command, ListTrunks)
    assert (command.tenant, scope) == ("main", "any")
    assert (await house.client.get("/v1/trunks", headers=await house.token("agent@example.com"))).status_code == 403
    house.commands.replies.clear()
    house.commands.reply = Reply(accepted=False, reason=Reason.UNAVAILABLE, message="no gateway answers")
    away = await house.client.get("/v1/trunks", headers=await house.token("admin@example.com"))
    assert (away.status_code, away.json()["reason"]) == (503, "unavailable")


DESK = {"id": "desk-1", "networks": ["127.0.0.1"], "phone": {"user": "9001", "password": "very secret"}}


async def test_who_signs_in_at_a_workplace_answers_on_its_phone(house: House) -> None:
    admin, ann = await house.token("admin@example.com"), await house.token("agent@example.com")
    applied = await house.client.post("/v1/apply", json={**MANIFEST, "workplaces": [DESK]}, headers=admin)
    assert "workplace/desk-1" in applied.json()["created"]
    assert "sip-credential/9001" in applied.json()["created"]

    async def signed_in(headers: dict[str, str], body: dict[str, str]) -> str:
        assert (await house.client.post("/v1/agents/1001/sign-in", json=body, headers=headers)).status_code == 200
        command = house.commands.sent[-1][0]
        assert isinstance(command, SignIn)
        return command.extension

    assert await signed_in(ann, {}) == "9001"
    assert await signed_in(ann, {"terminal": "browser"}) == "", "on that terminal there is no desk phone"
    assert await signed_in(admin, {}) == "", "the administrator's place is not the agent's"
    assert (await house.client.delete("/v1/config/workplace/desk-1", headers=admin)).status_code == 204
    assert await signed_in(ann, {}) == ""
    while await house.outbox.pending():
        await house.outbox.publish_batch()
    assert house.buckets.values["CREDENTIALS", "main.sip-credential.9001"] is None
