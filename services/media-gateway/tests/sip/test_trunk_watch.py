"""Trunks from when they are configured until they are changed: asked by OPTIONS, registered with a stored secret."""

import pytest
from prometheus_client import REGISTRY

from callstream.contracts.credentials import TrunkCredential
from callstream.contracts.lines import Trunk
from callstream.contracts.outbound import Outgoing, SipTransport, TrunkRegistration
from callstream_media_gateway.app import watch_trunk
from callstream_media_gateway.domain.inputs import PhoneRefused, PhoneRings
from callstream_media_gateway.domain.trunk_choice import Unusable
from callstream_media_gateway.sip.digest import ha1
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.handler import Reply
from callstream_media_gateway.sip.registrar import Registrar

from .carriers import TENANT, Carrier, Side, carriers, eventually, side, silent_port, trunk
from .phones import until
from .secure import server_and_client, trusting

REALM, ACCOUNT = "carrier.test", TrunkRegistration(user="acc7", realm="carrier.test", expires_s=60)


def secrets_of(password: str, realm: str = REALM) -> Secrets:
    return Secrets(*(ha1(algorithm, "acc7", realm, password) for algorithm in ("MD5", "SHA-256")))


def credential(password: str = "right", realm: str = REALM) -> TrunkCredential:
    md5, sha256 = secrets_of(password, realm)
    return TrunkCredential(trunk="a", user="acc7", realm=realm, ha1_md5=md5, ha1_sha256=sha256)


class RegisteringCarrier:
    """A carrier that is a registrar; it takes registrations for as short a time as 2 s."""

    def __init__(self, carrier: Carrier) -> None:
        known = {"acc7": secrets_of("right")}
        self.registrar = Registrar(REALM, known.get, lambda: 0.0, b"k" * 32, shortest=1, longest=2)
        self.seen = 0
        carrier.register_reply = self._register

    def _register(self, request: object, source: object) -> Reply:
        reply = self.registrar.register(request, source)  # type: ignore[arg-type]
        self.seen += reply.code == 200
        return reply

    @property
    def contacts(self) -> list[str]:
        return [str(binding.contact) for binding in self.registrar.bindings("acc7")]


def unusable(our: Side, name: str = "a") -> Unusable | None:
    found = our.configuration.trunk(TENANT, name)
    assert found is not None
    assert found.outgoing is not None
    return our.trunks.state(TENANT, name).unusable(found.outgoing, our.now)


async def test_a_trunk_that_does_not_answer_goes_down_calls_pass_it_by_and_it_comes_back() -> None:
    async with carriers(2) as (first, second):
        first.options = 503
        first.rings()
        second.rings()
        a = trunk("a", first, 1, options_every_s=1, down_after=2)
        async with side(a, trunk("b", second, 2, options_every_s=0)) as our:
            our.trunks.start()
            await eventually(lambda: unusable(our) is Unusable.DOWN)
            assert (first.asked, second.asked, our.trunks.state(TENANT, "a").message) == (2, 0, "OPTIONS: 503")
            assert our.dial().trunk == "b"
            first.options = 200
            await eventually(lambda: unusable(our) is None)
            assert our.dial().trunk == "a"


@pytest.mark.parametrize("code", [200, 404, 405, 481, 501])
async def test_any_other_answer_shows_life(code: int) -> None:
    async with carriers(1) as (carrier,):
        carrier.options = code
        async with side(trunk("a", carrier, options_every_s=1, down_after=1)) as our:
            our.trunks.state(TENANT, "a").down = True
            our.trunks.start()
            await until(lambda: unusable(our) is None)


async def test_a_trunk_that_is_gone_is_noticed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_trunk, "ANSWER_WITHIN_S", 0.1)
    with silent_port() as gone:
        async with side(trunk("a", gone, options_every_s=1, down_after=1)) as our:
            our.trunks.start()
            await until(lambda: unusable(our) is Unusable.DOWN)
            assert REGISTRY.get_sample_value("callstream_gateway_trunks", {"state": "down"}) == 1.0
            our.dial()
            assert (await our.gets(PhoneRefused)).reason == "no-trunk"


async def test_a_trunk_registers_renews_and_takes_its_leave() -> None:
    async with carriers(1) as (carrier,):
        carrier.rings()
        registrar = RegisteringCarrier(carrier)
        async with side(trunk("a", carrier, registration=ACCOUNT), credentials=(credential(),)) as our:
            assert unusable(our) is None
            our.trunks.start()
            assert unusable(our) is Unusable.NOT_REGISTERED, "no calls before it is registered"
            await until(lambda: unusable(our) is None)
            host, port = our.ua.local_addr
            assert registrar.contacts == [f"sip:acc7@{host}:{port}"]
            await eventually(lambda: registrar.seen >= 2)
            our.dial()
            await our.gets(PhoneRings)
        assert registrar.contacts == [], "leaving unregisters"


@pytest.mark.parametrize(
    ("stored", "said"),
    [((credential("wrong"),), "401"), ((credential(realm="elsewhere"),), "401"), ((), "401")],
    ids=["password", "realm", "none stored"],
)
async def test_a_registration_that_is_refused_is_tried_again_and_mended(
    stored: tuple[TrunkCredential, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_trunk, "FIRST_RETRY_S", 0.05)
    async with carriers(1) as (carrier,):
        registrar = RegisteringCarrier(carrier)
        async with side(trunk("a", carrier, registration=ACCOUNT), credentials=stored) as our:
            our.trunks.start()
            await until(lambda: our.trunks.state(TENANT, "a").message.startswith(said))
            assert (unusable(our), registrar.contacts) == (Unusable.NOT_REGISTERED, [])
            our.credentials.put(TENANT, credential())
            await eventually(lambda: unusable(our) is None)
            assert len(registrar.contacts) == 1


async def test_a_trunk_on_tls_registers_anew_when_its_connection_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_trunk, "FIRST_RETRY_S", 0.05)
    async with server_and_client() as (carrier, _):
        carrier.when_called = carrier.answer
        registrar = Registrar(REALM, {"acc7": secrets_of("right")}.get, lambda: 0.0, b"k" * 32)
        carrier.register_reply = registrar.register
        carrier.ua.on_closed(registrar.connection_closed)
        place = Outgoing(host="127.0.0.1", port=carrier.ua.hop("tls").port, transport=SipTransport.TLS, options_every_s=0)
        tls_trunk = Trunk(id="a", peers=("127.0.0.1",), country="CN", outgoing=place, registration=ACCOUNT)
        async with side(tls_trunk, credentials=(credential(),), client_tls=trusting()) as our:
            our.trunks.start()
            await until(lambda: unusable(our) is None)
            (before,) = registrar.bindings("acc7")
            assert before.source.transport == "tls"
            for connection in list(carrier.ua._core.transport.streams.held):
                connection.abort()
            await until(lambda: [b for b in registrar.bindings("acc7") if b.source != before.source])
            (after,) = registrar.bindings("acc7")
            our.dial()
            await until(lambda: carrier.calls)
            assert carrier.calls[0].source == after.source, "by the connection that is there"


async def test_a_registrar_that_is_away_is_found_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_trunk, "FIRST_RETRY_S", 0.05)
    async with carriers(1) as (carrier,):
        carrier.register_reply = lambda request, source: Reply(503)
        async with side(trunk("a", carrier, registration=ACCOUNT), credentials=(credential(),)) as our:
            our.trunks.start()
            await until(lambda: our.trunks.state(TENANT, "a").message.startswith("503"))
            RegisteringCarrier(carrier)
            await eventually(lambda: unusable(our) is None)


async def test_a_trunk_that_is_changed_begins_anew_and_one_that_goes_unregisters() -> None:
    async with carriers(2) as (first, second):
        old, new = RegisteringCarrier(first), RegisteringCarrier(second)
        async with side(trunk("a", first, registration=ACCOUNT), credentials=(credential(),)) as our:
            our.trunks.start()
            await until(lambda: old.contacts)
            our.configuration.put(TENANT, trunk("a", second, registration=ACCOUNT))
            await until(lambda: new.contacts and not old.contacts)
            our.configuration.put(TENANT, trunk("a", second, 7, registration=ACCOUNT))
            await until(lambda: new.seen == 2)
            assert len(new.contacts) == 1, "another priority is no other account"
            our.configuration.remove(TENANT, Trunk.KIND, "a")
            await until(lambda: not new.contacts)
            assert not our.trunks._watches
