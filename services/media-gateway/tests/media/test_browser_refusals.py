"""What a browser leg refuses: each of these is counted or told, and the call beside it goes on."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aioice import stun as foreign_stun

from callstream_media_gateway.media import stun, wire
from callstream_media_gateway.media.arrays import FRAME, RATE
from callstream_media_gateway.media.browser_legs import BrowserLegs
from callstream_media_gateway.media.browser_peer import BrowserPeer, HandshakeFailedError
from callstream_media_gateway.media.client import MediaRefusedError
from callstream_media_gateway.media.dtls import Identity
from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.media.secure import SecureWire
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.media.worker_commands import Address, CreateLeg, DestroyLeg, DtlsPeer, IceLogin, UpdateLeg
from callstream_media_gateway.media.worker_events import LegStats, RtpTimeout, SecurityFailed

from .browsers import rung
from .rig import Rig

HOST = "127.0.0.1"
LOW, HIGH = 400, 1100
LOGIN = IceLogin("ourufrag", "our-password-of-32-characters".replace("-", "+"))
SPEECH = encode(sines((HIGH,), RATE), PCMA).tobytes()


def packet(number: int, ssrc: int = 77) -> bytes:
    """The n-th 20 ms of a tone."""
    at = number % 50 * FRAME
    return wire.build(PCMA, False, number, number * FRAME, ssrc, SPEECH[at : at + FRAME])


@dataclass
class Leg:
    """A browser leg "b" whose peer may be as wicked as it likes, bridged to a phone that says LOW."""

    rig: Rig
    phone: RtpPeer
    address: Address
    fingerprint: str
    peer: BrowserPeer

    async def connect(self) -> None:
        await asyncio.to_thread(self.peer.connect, self.address, LOGIN, self.fingerprint)

    async def speak(self, first: int, count: int) -> list[bytes]:
        """Packets first..first+count-1 in their time; what went out on the wire."""
        sent = []
        for number in range(first, first + count):
            sent.append(self.peer.protect(packet(number)))
            self.peer.sock.send(sent[-1])
            await asyncio.sleep(0.02)
        return sent

    async def stats(self) -> LegStats:
        await self.rig.do(DestroyLeg("b"))
        return await self.rig.event(LegStats, leg_id="b")


@pytest.fixture
async def leg(rig: Rig) -> AsyncIterator[Leg]:
    identity = Identity()
    peer = BrowserPeer(HOST, identity)
    phone = await rig.phone("phone", LOW)
    port = await rig.client.create_leg(CreateLeg("b", "call", ice=LOGIN, peer=peer.peer))
    await rig.client.bridge("phone", "b")
    assert rig.client.snapshot is not None
    yield Leg(rig, phone, (HOST, port), rig.client.snapshot.fingerprint, peer)
    peer.close()


async def test_a_browser_with_another_certificate_than_it_said_is_refused(rig: Rig) -> None:
    """Who sits between us and the browser has keys, but not the ones of the description."""
    phone, _ = await rig.phone("phone", LOW), await rig.phone("beside", HIGH)
    await rig.client.bridge("phone", "beside")
    assert rig.client.snapshot is not None
    intruder = BrowserPeer(HOST, Identity())
    told = DtlsPeer(intruder.peer.ufrag, (Identity().fingerprint,))
    port = await rig.client.create_leg(CreateLeg("b", "call", ice=LOGIN, peer=told))
    with pytest.raises(HandshakeFailedError):
        await asyncio.to_thread(intruder.connect, (HOST, port), LOGIN, rig.client.snapshot.fingerprint)
    assert "certificate verify failed" in (await rig.event(SecurityFailed, leg_id="b")).detail
    phone.forget()
    await phone.until_hears(HIGH, [LOW])
    intruder.close()


async def test_we_are_refused_by_a_browser_that_expects_another_certificate(leg: Leg) -> None:
    with pytest.raises(HandshakeFailedError):
        await asyncio.to_thread(leg.peer.connect, leg.address, LOGIN, Identity().fingerprint)
    assert (await leg.rig.event(SecurityFailed, leg_id="b")).detail


async def test_replayed_and_tampered_packets_are_dropped_and_counted(leg: Leg) -> None:
    await leg.connect()
    sent = await leg.speak(0, 30)
    await leg.phone.until_hears(HIGH, [LOW])
    for data in sent[5:15]:  # heard already
        leg.peer.sock.send(data)
    fresh = leg.peer.protect(packet(30))
    for at in (1, 13, 40, len(fresh) - 1):  # the header, speech, the seal
        leg.peer.sock.send(fresh[:at] + bytes((fresh[at] ^ 1,)) + fresh[at + 1 :])
    leg.peer.sock.send(packet(31))  # plain RTP
    leg.peer.sock.send(fresh)
    await leg.speak(31, 20)
    stats = await leg.stats()
    assert stats.unauthentic == 10 + 4 + 1
    assert (stats.packets_in, stats.lost, stats.duplicates) == (51, 0, 0)


@pytest.mark.parametrize(
    "garbage",
    [
        bytes((23, 0xFE, 0xFD)) + bytes(200),
        bytes((22, 0xFE, 0xFD)) + bytes(8) + b"\x00\x20" + bytes(range(32)),
        bytes((21, 0xFE, 0xFD)) + bytes(8) + b"\x00\x02\x02\x28",
        bytes((22,)),
    ],
    ids=["noise", "a broken message", "somebody's alert", "one byte"],
)
async def test_garbage_from_the_right_address_does_not_spoil_the_handshake(leg: Leg, garbage: bytes) -> None:
    """Its source may be forged, and nothing is sealed yet."""
    leg.peer.sock.connect(leg.address)
    leg.peer.check(LOGIN)
    assert (await asyncio.to_thread(leg.peer.sock.recv, 500))[:2] == b"\x01\x01"
    leg.peer.sock.send(garbage)
    await leg.connect()
    await leg.speak(0, 20)
    await leg.phone.until_hears(HIGH, [LOW])


async def test_a_new_description_with_another_certificate_begins_anew(leg: Leg) -> None:
    """A page that was loaded again takes up its call by a re-INVITE."""
    await leg.connect()
    await leg.speak(0, 20)
    reloaded = BrowserPeer(HOST, Identity())
    login = IceLogin("another", "another+password+of+ours+")
    await leg.rig.do(UpdateLeg("b", ice=login, peer=reloaded.peer))
    await asyncio.to_thread(reloaded.connect, leg.address, login, leg.fingerprint)
    leg.peer.close()
    leg.peer = reloaded
    leg.phone.forget()
    await leg.speak(0, 30)
    await leg.phone.until_hears(HIGH, [LOW])
    assert (await leg.stats()).unauthentic == 0


async def test_audio_before_any_handshake_is_dropped(leg: Leg) -> None:
    leg.peer.sock.connect(leg.address)
    for number in range(5):
        leg.peer.sock.send(packet(number))
    leg.peer.sock.send(bytes((22, 0xFE, 0xFD)) + bytes(40))  # a handshake of somebody who has proved nothing
    leg.peer.check(LOGIN)
    assert (await asyncio.to_thread(leg.peer.sock.recv, 500))[:2] == b"\x01\x01"
    for number in range(5):
        leg.peer.sock.send(packet(number))
    await leg.connect()
    await leg.speak(0, 20)
    stats = await leg.stats()
    assert (stats.strangers, stats.unauthentic, stats.packets_in) == (6, 5, 20)


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        ("ourufrag:{theirs}", "some+other+password+1234", 401),
        ("nobody:{theirs}", LOGIN.password, 401),
        ("ourufrag:somebody", LOGIN.password, 401),
        (None, LOGIN.password, 400),
    ],
)
async def test_a_strangers_check_is_refused_and_moves_nothing(leg: Leg, username: str | None, password: str, code: int) -> None:
    await leg.connect()
    await leg.speak(0, 20)
    await leg.phone.until_hears(HIGH, [LOW])
    stranger = BrowserPeer(HOST, Identity())
    stranger.sock.settimeout(5)
    stranger.sock.connect(leg.address)
    check = foreign_stun.Message(foreign_stun.Method.BINDING, foreign_stun.Class.REQUEST)
    if username is not None:
        check.attributes["USERNAME"] = username.format(theirs=leg.peer.peer.ufrag)
    check.attributes["USE-CANDIDATE"] = None
    check.attributes["ICE-CONTROLLING"] = 1
    check.add_message_integrity(password.encode())
    check.add_fingerprint()
    stranger.sock.send(bytes(check))
    answer = foreign_stun.parse_message(await asyncio.to_thread(stranger.sock.recv, 2048))
    assert answer.attributes["ERROR-CODE"][0] == code
    for _ in range(200):  # a flood of garbage of all three kinds
        for kind in (b"\x00\x01", b"\x16\xfe\xfd", b"\x80\x08"):
            stranger.sock.send(kind + hashlib.sha256(kind).digest() * 3)
    await leg.speak(20, 20)
    await leg.phone.until_hears(HIGH, [LOW])
    stats = await leg.stats()
    assert stats.packets_in == 40
    assert stats.strangers > 100
    stranger.close()


async def test_a_browser_that_changes_its_network_is_followed(leg: Leg) -> None:
    await leg.connect()
    await leg.speak(0, 20)
    moved = BrowserPeer(HOST, Identity(), leg.peer.peer.ufrag)
    moved.sock.connect(leg.address)
    moved.sock.settimeout(5)
    moved.check(LOGIN)
    assert (await asyncio.to_thread(moved.sock.recv, 2048))[:2] == b"\x01\x01"
    leg.peer.sock.close()
    leg.peer.sock = moved.sock
    leg.phone.forget()
    await leg.speak(20, 30)
    await leg.phone.until_hears(HIGH, [LOW])
    assert (await asyncio.to_thread(moved.sock.recv, 2048))[0] & 0xC0 == 0x80
    assert (await leg.stats()).packets_in == 50


async def test_a_browser_speaks_as_soon_as_its_check_is_answered() -> None:
    """So the lock comes first: what is sent to the open socket after the answer is lost."""
    happened: list[str] = []
    wire_of_leg = SecureWire(Identity(), LOGIN)
    wire_of_leg.meet(DtlsPeer("theirs", (Identity().fingerprint,)))
    open_socket = SimpleNamespace(sendto=lambda data, to: happened.append("answer"))
    leg = cast("Any", SimpleNamespace(secure=wire_of_leg, latched=None, ports=SimpleNamespace(open=open_socket)))
    legs = BrowserLegs(lambda *_: bool(happened.append("lock")), lambda _: None, lambda _: happened.append("stranger"))
    legs.take(leg, stun.request(b"1" * 12, (LOGIN.ufrag, LOGIN.password), "theirs"), (HOST, 4000), 0)
    legs.take(leg, stun.request(b"2" * 12, (LOGIN.ufrag, "another-password-of-32-characters"), "theirs"), (HOST, 4001), 0)
    assert happened == ["lock", "answer", "stranger", "answer"]


async def test_a_browser_gone_silent_ends_like_any_phone(rig: Rig) -> None:
    browser, _ = await rung(rig.client, "b", HIGH)
    phone = await rig.phone("phone", LOW)
    await rig.client.bridge("phone", "b")
    await phone.until_hears(HIGH, [LOW], 10)
    await browser.close()
    assert (await rig.event(RtpTimeout, timeout_s=15, leg_id="b")).silent_ms >= 4000


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (partial(CreateLeg, "x", "call"), {"ice": IceLogin("ab", LOGIN.password)}),
        (partial(CreateLeg, "x", "call"), {"ice": IceLogin("abcd", "short")}),
        (partial(CreateLeg, "x", "call"), {"ice": LOGIN, "remote": (HOST, 4000)}),
        (partial(CreateLeg, "x", "call"), {"peer": DtlsPeer("abcd", ("sha-256 AB",))}),
        (partial(UpdateLeg, "b"), {"peer": DtlsPeer("abcd", ("sha-1 AB:CD",))}),
        (partial(UpdateLeg, "phone"), {"ice": LOGIN}),
    ],
)
async def test_a_command_that_makes_no_sense_names_its_field(
    leg: Leg, command: partial[CreateLeg] | partial[UpdateLeg], field: dict[str, object]
) -> None:
    with pytest.raises(MediaRefusedError) as refused:
        await leg.rig.do(command(**field))
    assert refused.value.refusal == "bad-argument"
    assert any(name in refused.value.detail for name in field)


async def test_a_crowd_of_browsers_is_let_in_beside_a_call_that_talks(rig: Rig) -> None:
    phone, _ = await rig.phone("phone", LOW), await rig.phone("beside", HIGH)
    await rig.client.bridge("phone", "beside")
    await phone.until_hears(HIGH, [LOW])
    assert rig.client.snapshot is not None
    identity, fingerprint = Identity(), rig.client.snapshot.fingerprint
    crowd = [BrowserPeer(HOST, identity) for _ in range(60)]
    ports = [
        await rig.client.create_leg(CreateLeg(f"c{number}", "crowd", ice=LOGIN, peer=peer.peer))
        for number, peer in enumerate(crowd)
    ]
    await asyncio.gather(
        *(asyncio.to_thread(peer.connect, (HOST, port), LOGIN, fingerprint) for peer, port in zip(crowd, ports, strict=True))
    )
    again = await rig.attach()
    assert again.snapshot is not None
    assert sum(leg.secured for leg in again.snapshot.legs) == len(crowd)
    phone.forget()
    await phone.until_hears(HIGH, [LOW])
    for peer in crowd:
        peer.close()
