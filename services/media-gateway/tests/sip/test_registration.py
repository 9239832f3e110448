"""Phones register at a registrar, over the wire."""

from __future__ import annotations

import asyncio

import pytest

from callstream_media_gateway.sip.backoff import Backoff
from callstream_media_gateway.sip.digest import Credentials, ha1
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.errors import RegistrationError
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.registrar import Registrar

from .phones import FAST, Phone, phones, until

REALM = "callstream"


def secrets_of(user: str) -> Secrets | None:
    if not user.startswith("10"):
        return None
    return Secrets(ha1("MD5", user, REALM, "pw" + user), ha1("SHA-256", user, REALM, "pw" + user))


def serve(server: Phone, **options: object) -> Registrar:
    clock = asyncio.get_running_loop().time
    registrar = Registrar(REALM, secrets_of, clock, b"key", **options)  # type: ignore[arg-type]
    server.register_reply = registrar.register
    server.ua.on_closed(registrar.connection_closed)
    return registrar


def credentials(user: str) -> Credentials:
    return Credentials(user, "pw" + user)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_phone_registers_is_called_by_its_source_and_leaves(transport: str) -> None:
    async with phones(2, **FAST) as (server, phone):
        registrar = serve(server)
        hop = server.hop if transport == "udp" else server.tcp
        registration = await phone.ua.register("sip:1001@callstream", hop, credentials("1001"), 600)
        assert registration.expires == 600
        (binding,) = registrar.bindings("1001")
        assert binding.contact.user == "1001"
        assert binding.source.transport == transport
        server.call(str(binding.contact), next_hop=binding.source)
        await until(lambda: phone.calls)
        assert phone.calls[0].request_uri.user == "1001"
        phone.calls[0].reject(486)
        await until(lambda: ("failed", 486) in server.story)
        await registration.unregister()
        assert registrar.bindings("1001") == []


async def test_one_user_agent_carries_many_identities() -> None:
    async with phones(2, **FAST) as (server, phone):
        registrar = serve(server)
        users = [str(1000 + n) for n in range(30)]
        await asyncio.gather(*(phone.ua.register(f"sip:{u}@x", server.hop, credentials(u)) for u in users))
        assert [registrar.bindings(user)[0].contact.user for user in users] == users


async def test_a_wrong_password_is_refused_and_slowed_down_while_others_register() -> None:
    async with phones(2, **FAST) as (server, phone):
        registrar = serve(server, backoff=Backoff(free=2))
        for _ in range(4):
            with pytest.raises(RegistrationError) as refused:
                await phone.ua.register("sip:1001@x", server.hop, Credentials("1001", "guess"))
        assert refused.value.code == 403
        with pytest.raises(RegistrationError) as refused:
            await phone.ua.register("sip:1001@x", server.hop, credentials("1001"))
        assert refused.value.code == 403, "even the right password waits"
        await phone.ua.register("sip:1002@x", server.hop, credentials("1002"))
        assert registrar.bindings("1001") == []
        assert server.ua.held()["server_transactions"] == 1, "refusals hold nothing"


@pytest.mark.parametrize(("user", "aor", "code"), [("2001", "2001", 401), ("1001", "1002", 403)])
async def test_an_unknown_user_and_another_users_address_are_refused(user: str, aor: str, code: int) -> None:
    async with phones(2, **FAST) as (server, phone):
        serve(server)
        with pytest.raises(RegistrationError) as refused:
            await phone.ua.register(f"sip:{aor}@x", server.hop, credentials(user))
        assert refused.value.code == code


async def test_a_short_wish_is_raised_to_the_registrars_minimum() -> None:
    async with phones(2, **FAST) as (server, phone):
        serve(server, shortest=90)
        registration = await phone.ua.register("sip:1001@x", server.hop, credentials("1001"), 10)
        assert registration.expires == 90


async def test_a_registration_is_refreshed_before_it_expires() -> None:
    async with phones(2, **FAST) as (server, phone):
        registrar = serve(server, shortest=1)
        await phone.ua.register("sip:1001@x", server.hop, credentials("1001"), 1)
        first = registrar.bindings("1001")[0].cseq
        await until(lambda: (found := registrar.bindings("1001")) and found[0].cseq > first)


async def test_a_registrar_that_is_not_there_is_reported() -> None:
    async with phones(1, **FAST) as (phone,):
        silent = Hop("udp", "127.0.0.1", 9)
        with pytest.raises(RegistrationError) as failed:
            await phone.ua.register("sip:1001@x", silent, credentials("1001"))
        assert failed.value.code == 408
        with pytest.raises(RegistrationError) as failed:
            await phone.ua.register("sip:1001@x", silent._replace(transport="tcp"), credentials("1001"))
        assert failed.value.code == 503


async def test_a_lost_registration_is_told_and_regained() -> None:
    async with phones(2, **FAST) as (server, phone):
        registrar = serve(server, shortest=1)
        registration = await phone.ua.register("sip:1001@x", server.hop, credentials("1001"), 1)
        lost: list[int] = []
        registration.on_lost = lambda error: lost.append(error.code)
        allow = server.register_reply
        server.register_reply = lambda request, source: Reply(503)
        await until(lambda: lost == [503])
        server.register_reply = allow
        await until(lambda: registrar.bindings("1001"))
        await registration.unregister()


async def test_a_registrar_without_a_usable_challenge_is_given_up() -> None:
    async with phones(2, **FAST) as (server, phone):
        server.register_reply = lambda request, source: Reply(401, None, [("WWW-Authenticate", "Digest nonsense")])
        with pytest.raises(RegistrationError) as refused:
            await phone.ua.register("sip:1001@x", server.hop, credentials("1001"))
        assert refused.value.code == 401
        server.register_reply = lambda request, source: Reply(423)
        with pytest.raises(RegistrationError) as refused:
            await phone.ua.register("sip:1001@x", server.hop, credentials("1001"))
        assert refused.value.code == 423
