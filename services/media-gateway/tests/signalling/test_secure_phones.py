"""Agents' phones on TLS and WSS: rung by their connection, gone with it, back after a restart of signalling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callstream.contracts import call_events as call
from callstream.kernel.outcomes import Reason
from callstream_local.embedded.nats import EmbeddedNats
from callstream_media_gateway.sip import tls
from callstream_media_gateway.sip.handler import UserAgentConfig

from .house import AGENT_HZ, CALLER_HZ, OTHERS, House, house
from .lines import Line
from .phone import Phone
from .test_survival import kill_signalling


@pytest.fixture
async def open_house(fresh_nats: EmbeddedNats, tmp_path: Path) -> AsyncIterator[House]:
    async with house(fresh_nats, tmp_path, tls_port=0, wss_port=0) as made:
        yield made


async def secure_agent(opened: House, transport: str) -> Phone:
    """Registered over TLS or WSS with who has made its own certificate."""
    trusted = tls.calling(opened.folder / "gateway" / "tls" / "self-signed.pem")
    phone = Phone(opened.peers.open(), AGENT_HZ, UserAgentConfig(client_tls=trusted))
    await phone.ua.start()
    opened.phones.append(phone)
    await phone.register(f"{opened.tenant}-1001", "secret", opened.gateway.user_agent.hop(transport))
    return phone


async def test_a_phone_on_tls_talks_and_is_rung_again_after_a_kill(open_house: House) -> None:
    agent = await secure_agent(open_house, "tls")
    caller = await open_house.caller()
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await open_house.offer(call_id)
    await agent.until("invited")
    assert agent.calls[0].source.transport == "tls"
    agent.pick_up()
    await open_house.event(call.OfferAnswered, call_id)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])

    open_house.tls_port = open_house.gateway.user_agent.hop("tls").port
    await kill_signalling(open_house)
    await open_house.start_gateway()
    sip_user = f"{open_house.tenant}-1001"
    await agent.until_true(lambda: open_house.gateway.phones.of(open_house.tenant, sip_user) is not None)
    caller.hang_up()
    await agent.until(("ended", "bye"))  # by the connection that the phone has made anew


@pytest.mark.parametrize("transport", ["tls", "wss"])
async def test_a_phone_calls_over_the_connection_that_it_has_registered_by(transport: str, open_house: House) -> None:
    agent = await secure_agent(open_house, transport)
    stranger = await secure_agent(open_house, transport)  # the newer registration of the same user, from another connection
    await stranger.registration.unregister()  # type: ignore[union-attr]
    open_house.gateway.on_invite.may_invite = lambda _: False  # type: ignore[method-assign] # 127.0.0.1 is a trunk as well
    for phone, status in ((stranger, 403), (agent, 503)):  # 503: the call is served, and agent-state is not there
        line = Line(phone, open_house)
        line.dial(open_house, "1002", next_hop=open_house.gateway.user_agent.hop(transport))
        await line.until(("failed", status))
    assert open_house.gateway.user_agent.counters["challenged"] == 1


@pytest.mark.parametrize("transport", ["tls", "wss"])
async def test_a_phone_whose_connection_is_gone_is_not_rung(transport: str, open_house: House) -> None:
    agent = await secure_agent(open_house, transport)
    phones, sip_user = open_house.gateway.phones, f"{open_house.tenant}-1001"
    assert phones.of(open_house.tenant, sip_user) is not None
    await open_house.caller()
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await agent.ua.stop()  # without a word to the registrar
    await agent.until_true(lambda: phones.of(open_house.tenant, sip_user) is None)
    await open_house.offer(call_id, offer_id="gone")
    failed = await open_house.event(call.OfferFailed, offer_id="gone")
    assert failed.reason is Reason.AGENT_UNREACHABLE


async def test_a_browser_that_is_closed_while_it_rings_frees_the_call_for_others(open_house: House) -> None:
    agent = await secure_agent(open_house, "wss")
    await open_house.caller()
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await open_house.offer(call_id, offer_id="ringing")
    await agent.until("invited")
    await agent.ua.stop()
    failed = await open_house.event(call.OfferFailed, offer_id="ringing")
    assert failed.reason is Reason.AGENT_UNREACHABLE
