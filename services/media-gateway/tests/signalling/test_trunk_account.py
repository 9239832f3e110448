"""A trunk with an account: the gateway registers there, and the carrier brings calls to the account by their To header (F175)."""

import asyncio
from typing import Any

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.credentials import TrunkCredential
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import Outgoing, TrunkRegistration
from callstream.contracts.subjects import CREDENTIALS_BUCKET
from callstream_media_gateway.sip import dialog_in
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.digest import Challenge, ha1, parse_answer, response_of
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.offer_answer import make_offer
from callstream_media_gateway.sip.registrar import Registrar
from callstream_media_gateway.sip.responses import make_response
from callstream_media_gateway.sip.transactions import send_response

from .house import CALLER_HZ, NUMBER, House
from .phone import Phone
from .test_mobile_agent import MARKED, MOBILE, waiting_caller
from .test_survival import restart

USER, CARRIER_REALM = "acc7", "itsp.test"
MD5, SHA256 = (ha1(algorithm, USER, CARRIER_REALM, "right") for algorithm in ("MD5", "SHA-256"))


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def registered(house: House) -> tuple[Phone, Registrar]:
    """A carrier, and the registrar at which the gateway has registered its account there."""
    registrar = Registrar(CARRIER_REALM, {USER: Secrets(MD5, SHA256)}.get, lambda: 0.0, b"k" * 32)
    carrier = await house.phone(CALLER_HZ)
    carrier.on_register = registrar.register  # type: ignore[method-assign]
    place = Outgoing(host="127.0.0.1", port=carrier.ua.local_addr[1], options_every_s=0)
    account = TrunkRegistration(user=USER, realm=CARRIER_REALM)
    await house.publish(Trunk(id="itsp", outgoing=place, registration=account))
    secret = TrunkCredential(trunk="itsp", user=USER, realm=CARRIER_REALM, ha1_md5=MD5, ha1_sha256=SHA256)
    await house.publish(secret, CREDENTIALS_BUCKET)
    await until(lambda: registrar.bindings(USER))
    return carrier, registrar


async def test_a_carrier_calls_the_account_that_is_registered_with_it(open_house: House) -> None:
    carrier, registrar = await registered(open_house)
    (binding,) = registrar.bindings(USER)
    assert (binding.contact.user, binding.contact.port) == (USER, open_house.hop.port)

    carrier.calling = carrier.ua.invite(
        binding.contact,
        from_="sip:13910757777@itsp.test",
        to="sip:02166668888@itsp.test",
        sdp=make_offer(*carrier.ears.address, session_id=1),
        next_hop=binding.source,
    )
    carrier.calling.on_ringing = lambda _code, _sdp: carrier._note("ringing")
    await carrier.until("ringing")
    arrived = await open_house.event(call.CallArrived)
    assert (arrived.trunk, arrived.called, arrived.caller, arrived.region) == (
        "itsp",
        NUMBER,
        "+8613910757777",
        "Beijing/Beijing",
    )

    await open_house.service.stop()
    assert registrar.bindings(USER) == [], "who leaves unregisters"
    await open_house.start_gateway()
    await until(lambda: registrar.bindings(USER))


async def test_a_restored_call_answers_its_carriers_challenge(open_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A carrier that wants every request proved: without an answer it would hold the mobile in a call that is over."""
    carrier, _ = await registered(open_house)
    hang_up, asked, proved = dialog_in._METHODS["BYE"], [], []

    def on_bye(dialog: Dialog, request: Any, transaction: Any) -> None:
        if dialog.core is not carrier.ua._core:
            hang_up(dialog, request, transaction)
            return
        shown = request.get("Proxy-Authorization")
        if shown is None:
            asked.append(dialog)
            challenge = ("Proxy-Authenticate", str(Challenge(CARRIER_REALM, "n1", "SHA-256", ("auth",))))
            send_response(transaction, 407, make_response(request, 407, None, extra=[challenge]))
            return
        answer = parse_answer(shown)
        proved.append(answer.username == USER and answer.response == response_of("SHA-256", SHA256, "BYE", answer))
        hang_up(dialog, request, transaction)

    monkeypatch.setitem(dialog_in._METHODS, "BYE", on_bye)
    await open_house.publish(Number(number=MARKED, flow_id="main", flow_version=1, prefer_for_mobile_leg=True))
    await until(lambda: open_house.service.config.number(MARKED, open_house.tenant))
    caller, call_id = await waiting_caller(open_house)
    await open_house.offer(call_id, terminal="mobile", address=MOBILE)
    await carrier.until("invited")
    carrier.pick_up()
    await open_house.event(call.CallBridged)
    await restart(open_house)
    caller.hang_up()
    await carrier.until(("ended", "bye"))
    assert asked
    assert proved == [True]
