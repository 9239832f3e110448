"""A trunk with an account: the gateway registers there, and the carrier brings calls to the account by their To header (F175)."""

import asyncio

from callstream.contracts import call_events as call
from callstream.contracts.credentials import TrunkCredential
from callstream.contracts.lines import Trunk
from callstream.contracts.outbound import Outgoing, TrunkRegistration
from callstream.contracts.subjects import CREDENTIALS_BUCKET
from callstream_media_gateway.sip.digest import ha1
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.offer_answer import make_offer
from callstream_media_gateway.sip.registrar import Registrar

from .house import CALLER_HZ, NUMBER, House

USER, CARRIER_REALM, PASSWORD = "acc7", "itsp.test", "right"


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_carrier_calls_the_account_that_is_registered_with_it(open_house: House) -> None:
    md5, sha256 = (ha1(algorithm, USER, CARRIER_REALM, PASSWORD) for algorithm in ("MD5", "SHA-256"))
    registrar = Registrar(CARRIER_REALM, {USER: Secrets(md5, sha256)}.get, lambda: 0.0, b"k" * 32)
    carrier = await open_house.phone(CALLER_HZ)
    carrier.on_register = registrar.register  # type: ignore[method-assign]
    place = Outgoing(host="127.0.0.1", port=carrier.ua.local_addr[1], options_every_s=0)
    account = TrunkRegistration(user=USER, realm=CARRIER_REALM)
    await open_house.publish(Trunk(id="itsp", outgoing=place, registration=account))
    secret = TrunkCredential(trunk="itsp", user=USER, realm=CARRIER_REALM, ha1_md5=md5, ha1_sha256=sha256)
    await open_house.publish(secret, CREDENTIALS_BUCKET)
    await until(lambda: registrar.bindings(USER))
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
