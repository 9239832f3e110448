"""A browser that asks no longer whether we may send gets nothing more (RFC 7675), even while it is on hold."""

import socket
from collections.abc import Iterator

import pytest

from callstream_media_gateway.media import stun
from callstream_media_gateway.media.browser_peer import BrowserPeer
from callstream_media_gateway.media.dtls import Identity
from callstream_media_gateway.media.engine import Engine
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.secure import CONSENT_MS, SecureWire
from callstream_media_gateway.media.sockets import open_pair
from callstream_media_gateway.media.worker_commands import IceLogin
from callstream_media_gateway.media.worker_events import AnyEvent, RtpTimeout

HOST = "127.0.0.1"
LOGIN = IceLogin("ourufrag", "our+password+of+thirty+two+chars")


class House:
    """An engine whose clock the test holds, with one browser leg that nobody times out by its RTP."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.engine = Engine(HOST, 4, self.events.append, lambda: None)
        self.peer = BrowserPeer(HOST, Identity())
        self.secure = SecureWire(Identity(), LOGIN)
        ports = open_pair(HOST, range(12_000, 30_000, 2))
        self.leg = Leg("b", "call", 0, ports, "PCMA", None, None, 0, Latch(None), secure=self.secure)
        self.engine.legs["b"] = self.leg
        self.engine.receiver.add(self.leg)
        self.secure.meet(self.peer.peer)
        self.peer.sock.connect((HOST, ports.port))
        self.peer.sock.setblocking(False)

    def check_at(self, now_ms: int) -> None:
        """The browser asks, and is answered."""
        self.peer.check(LOGIN)
        self.engine.read(now_ms)
        assert self.peer.sock.recv(500)[:2] == b"\x01\x01"

    def second_at(self, now_ms: int) -> list[AnyEvent]:
        """What a second's upkeep told."""
        self.events.clear()
        self.engine._check_timeouts(now_ms)
        return list(self.events)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.engine.receiver.remove(house.leg)
    house.peer.close()


def test_silence_of_checks_ends_the_sending_and_is_told_once(house: House) -> None:
    house.check_at(1_000)
    source = house.peer.sock.getsockname()
    assert house.leg.latched == source
    assert house.second_at(1_000 + CONSENT_MS) == []
    house.check_at(20_000)
    assert house.second_at(1_000 + CONSENT_MS + 5_000) == []
    told = house.second_at(20_001 + CONSENT_MS)
    assert told == [RtpTimeout(leg_id="b", call_id="call", silent_ms=CONSENT_MS)]
    assert house.leg.latched is None
    assert not house.secure.ready
    assert house.second_at(90_000) == []


def test_a_browser_that_comes_back_is_heard_again(house: House) -> None:
    house.check_at(1_000)
    house.second_at(2_000 + CONSENT_MS)
    assert house.leg.latched is None
    house.check_at(40_000)
    assert house.leg.latched == house.peer.sock.getsockname()
    assert house.second_at(41_000) == []


def test_a_browser_that_never_asked_is_no_matter_of_consent(house: House) -> None:
    """A ringing one has not begun yet; after the answer the silence of its audio counts."""
    assert house.second_at(10 * CONSENT_MS) == []


def test_a_strangers_checks_give_no_consent(house: House) -> None:
    house.check_at(1_000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.connect((HOST, house.leg.ports.port))
        stranger.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12))
        house.engine.read(25_000)
    assert len(house.second_at(2_000 + CONSENT_MS)) == 1


def test_of_a_flood_of_checks_only_some_are_looked_at_between_two_reads(house: House) -> None:
    """The others cost no arithmetic; a browser whose check was among them repeats it."""
    browsers, source = house.engine.receiver._browsers, house.peer.sock.getsockname()
    wrong = stun.request(bytes(12), (LOGIN.ufrag, "another+password+of+somebody+else"), "x")
    right = stun.request(bytes(12), (LOGIN.ufrag, LOGIN.password), house.peer.peer.ufrag)
    for port in range(1, 65):
        browsers.take(house.leg, wrong, (HOST, port), 1)
    browsers.take(house.leg, right, source, 1)
    assert (house.leg.latched, house.leg.strangers) == (None, 65)
    house.engine.read(2)
    browsers.take(house.leg, right, source, 2)
    assert house.leg.latched == source
