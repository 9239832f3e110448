"""The simulated phones against each other and against plain user agents: they must not flatter the system they measure."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import cast

import numpy as np
import pytest
import pytest_asyncio

from callstream_local.phones.agent_phone import AgentPhone
from callstream_local.phones.ear import Ear, Heard, loud_ms
from callstream_local.phones.network import PhoneNetwork, now_utc
from callstream_local.phones.plans import AgentPlan, Answer, CallPlan, LetRing, Reaction, Reject
from callstream_local.phones.stories import CallerStory, Ending, OfferStory
from callstream_media_gateway.media.dtmf import DigitReceiver
from callstream_media_gateway.media.peer import RtpPeer, RtpPeers
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.errors import RegistrationError
from callstream_media_gateway.sip.handler import Hop, Reply, UserAgentConfig
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.offer_answer import agreed_stream, make_answer
from callstream_media_gateway.sip.registrar import Registrar
from callstream_media_gateway.sip.user_agent import UserAgent

NUMBER = "+861055550100"


def plan(**what: object) -> CallPlan:
    return CallPlan(**({"caller": "+8613800000001", "called": NUMBER, "tone_hz": 1000} | what))  # type: ignore[arg-type]


class House:
    """One network of callers and one of desk phones, with nothing between them: who dials a phone's user rings it."""

    def __init__(self, callers: PhoneNetwork, phones: PhoneNetwork) -> None:
        self.callers, self.phones = callers, phones

    def phone(self, *reactions: Reaction) -> AgentPhone:
        agent = AgentPlan(user=NUMBER, password="unused", tone_hz=400, reactions=reactions)
        phone = AgentPhone(agent, self.phones.new_line, now_utc)
        self.phones.phones[NUMBER] = phone
        return phone

    async def call(self, **what: object) -> CallerStory:
        return await self.callers.caller(plan(**what)).call()


async def ended(phone: AgentPhone, count: int = 1) -> OfferStory:
    """The phone's newest story, once it is over."""
    async with asyncio.timeout(5):
        while len(phone.stories) < count or phone.stories[-1].ended_at is None:
            await asyncio.sleep(0.02)
    return phone.stories[-1]


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    async with PhoneNetwork(("127.0.0.1", 9)) as phones, PhoneNetwork(phones.user_agent.local_addr) as callers:
        yield House(callers, phones)


async def test_both_hear_each_others_tone_and_the_agent_hangs_up(house: House) -> None:
    phone = house.phone(Answer(after_s=0.1, talk_s=0.8))
    told = await house.call(talk_s=None)
    story = await ended(phone)
    assert (told.heard.tone_hz, story.heard.tone_hz) == (400, 1000)
    assert min(told.heard.ms, story.heard.ms) >= 400
    assert (told.ending, story.ending) == (Ending.PEER_HUNG_UP, Ending.HUNG_UP)
    assert story.caller == "+8613800000001"
    assert told.answered_at is not None
    assert story.answered_at is not None


async def test_the_caller_hangs_up_after_enough_talk(house: House) -> None:
    phone = house.phone(Answer(after_s=0.0))
    told = await house.call(talk_s=0.5)
    story = await ended(phone)
    assert (told.ending, story.ending) == (Ending.HUNG_UP, Ending.PEER_HUNG_UP)


async def test_a_rejected_call_is_told_with_its_status(house: House) -> None:
    phone = house.phone(Reject(after_s=0.05, status=486))
    told = await house.call()
    assert (told.ending, told.sip_status, told.answered_at) == (Ending.REFUSED, 486, None)
    assert (await ended(phone)).ending is Ending.REFUSED
    assert told.heard == Heard()


async def test_a_phone_that_nobody_answers_is_cancelled(house: House) -> None:
    phone = house.phone(LetRing())
    told = await house.callers.caller(plan(), give_up_s=0.5).call()
    assert told.ending is Ending.GAVE_UP
    assert (await ended(phone)).ending is Ending.CANCELLED


async def test_a_second_call_during_the_first_is_noted_as_such(house: House) -> None:
    phone = house.phone(Answer(after_s=0.0))
    first = asyncio.create_task(house.call(talk_s=1.0))
    async with asyncio.timeout(5):
        while not phone.stories or phone.stories[0].answered_at is None:
            await asyncio.sleep(0.02)
    second = await house.call(caller="+8613800000002", tone_hz=1010)
    assert (second.ending, second.sip_status) == (Ending.REFUSED, 486)
    assert [story.while_busy for story in phone.stories] == [False, True]
    assert (await first).heard.tone_hz == 400


async def test_reactions_come_one_after_the_other_and_the_last_for_ever(house: House) -> None:
    phone = house.phone(Reject(after_s=0.0), Answer(after_s=0.0, talk_s=0.1))
    endings = [(await house.call()).ending for _ in range(3)]
    assert endings == [Ending.REFUSED, Ending.PEER_HUNG_UP, Ending.PEER_HUNG_UP]
    assert len(phone.stories) == 3


class Switch:
    """A plain user agent that answers every call, says something, and reads the keys; it also keeps a registrar."""

    def __init__(self, peers: RtpPeers) -> None:
        self.peer = KeyPeer(peers.open())
        secret = Secrets(
            hashlib.md5(b"1001:callstream:secret").hexdigest(), hashlib.sha256(b"1001:callstream:secret").hexdigest()
        )
        self.registrar = Registrar("callstream", lambda user: secret if user == "1001" else None, time.monotonic, b"k" * 32)
        self.user_agent = UserAgent(UserAgentConfig(), self)

    def accept_source(self, request: Request, source: Hop) -> int | None:
        return None

    def on_invite(self, call: IncomingCall) -> None:
        assert call.offer is not None
        local = make_answer(call.offer, *self.peer.rtp.address, session_id=1)
        stream = agreed_stream(local, call.offer)
        call.answer(local)
        self.peer.rtp.send_to = (stream.host, stream.port)

    def on_register(self, request: Request, source: Hop) -> Reply:
        return self.registrar.register(request, source)

    def on_options(self, request: Request, source: Hop) -> Reply:
        return Reply(200)


class KeyPeer:
    """Reads RFC 4733 keys off an RtpPeer's packets."""

    def __init__(self, rtp: RtpPeer) -> None:
        self.rtp, self.keys, self.receiver = rtp, "", DigitReceiver()
        take = rtp._take

        def tap(data: bytes) -> None:
            if data[1] & 0x7F == 101:
                told = self.receiver.packet(int.from_bytes(data[4:8], "big"), data[12:], 0)
                self.keys += "".join(key.digit for key in told)
            take(data)

        rtp._take = tap  # type: ignore[method-assign]


@pytest_asyncio.fixture
async def switch() -> AsyncIterator[Switch]:
    async with RtpPeers() as peers:
        switch = Switch(peers)
        await switch.user_agent.start()
        yield switch
        await switch.user_agent.stop()


async def test_keys_are_pressed_after_something_was_heard(switch: Switch) -> None:
    async with PhoneNetwork(switch.user_agent.local_addr) as network:
        caller = network.caller(plan(keys=("9", "1"), listen_ms=(200, 200), patience_s=0.3))
        calling = asyncio.create_task(caller.call())
        async with asyncio.timeout(5):
            while caller.story.answered_at is None:
                await asyncio.sleep(0.02)
        assert caller.story.keys == ""  # silence so far: nothing to react to
        switch.peer.rtp.say(np.concatenate([sines((350, 735), 400), sines((500, 811), 400)]))
        story = await calling
    assert (story.keys, switch.peer.keys) == ("91", "91")
    assert story.prompts_ms >= 400
    assert (story.ending, story.heard.tone_hz) == (Ending.HUNG_UP, None)


async def test_a_caller_who_leaves_during_the_prompt_presses_nothing(switch: Switch) -> None:
    async with PhoneNetwork(switch.user_agent.local_addr) as network:
        story = await network.caller(plan(keys=("1",), listen_ms=(0,), leaves_prompt_s=0.2)).call()
    assert (story.keys, story.ending) == ("", Ending.HUNG_UP)


async def test_desk_phones_register_with_digest_and_a_wrong_password_is_refused(switch: Switch) -> None:
    async with PhoneNetwork(switch.user_agent.local_addr) as network:
        await network.agent_phone(AgentPlan(user="1001", password="secret", tone_hz=400))
        (binding,) = switch.registrar.bindings("1001")
        assert binding.contact.port == network.user_agent.local_addr[1]
        await network.unregister()
        assert switch.registrar.bindings("1001") == []
        with pytest.raises(RegistrationError):
            await network.agent_phone(AgentPlan(user="1001", password="wrong", tone_hz=400))


EAR = Ear()
HEARD = [
    ("one tone", sines((1000,), 8000), 1000, 900),
    ("a quiet one", sines((1010,), 8000, level_dbm0=-45), 1010, 900),
    ("silence", np.zeros(8000, np.int16), None, 0),
    ("a chord is no tone", sines((400, 500), 8000), None, 0),
    ("neighbours are told apart", sines((990,), 8000), 990, 900),
    ("a tone for half of the time", np.concatenate([np.zeros(4000, np.int16), sines((2990,), 4000)]), 2990, 400),
]


@pytest.mark.parametrize(("story", "samples", "tone", "at_least_ms"), HEARD, ids=[row[0] for row in HEARD])
def test_the_ear(story: str, samples: object, tone: int | None, at_least_ms: int) -> None:
    heard = EAR.heard(cast("np.ndarray[tuple[int], np.dtype[np.int16]]", samples))
    assert heard.tone_hz == tone
    assert heard.ms >= at_least_ms


def test_the_ear_tells_two_tones_one_after_the_other() -> None:
    heard = EAR.heard(np.concatenate([sines((400,), 8000), sines((1200,), 3200)]))
    assert heard.tone_hz == 400
    assert heard.ms == pytest.approx(920, abs=40)
    assert [tone for tone, _ in heard.others] == [1200]


def test_the_ear_knows_a_tone_with_holes() -> None:
    """Every third 100 ms are missing."""
    holes = np.concatenate([np.where(np.arange(2400) < 1600, sines((1500,), 2400, start=n * 2400), 0) for n in range(4)])
    heard = EAR.heard(holes.astype(np.int16))
    assert (heard.tone_hz, heard.others) == (1500, ())
    assert heard.ms >= 400


def test_noise_is_no_tone_but_it_is_loud() -> None:
    noise = np.random.default_rng(1).integers(-3000, 3000, 16000).astype(np.int16)
    assert EAR.heard(noise) == Heard()
    assert loud_ms(noise) == 2000
    assert loud_ms(np.zeros(16000, np.int16)) == 0
