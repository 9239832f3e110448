"""A foreign browser: aiortc's peer connection (real ICE, DTLS and SRTP), which says a tone and remembers what it hears."""

import asyncio
import contextlib
import time
from fractions import Fraction

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.media.arrays import FRAME, FRAME_MS, I16, RATE
from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.tone import heard_tone, sines
from callstream_media_gateway.sip.sdp import SessionDescription, parse_sdp

TIMEOUT_MS = 4_000
"""Until a leg without audio is reported, in these tests."""


class ToneTrack(MediaStreamTrack):
    """A microphone in front of a tone generator; 0 Hz is silence."""

    kind = "audio"

    def __init__(self, frequency_hz: int) -> None:
        super().__init__()
        second = sines((frequency_hz,), RATE) if frequency_hz else np.zeros(RATE, np.int16)
        self._frames = second.reshape(-1, FRAME)
        self._number = 0
        self._begun_s = time.monotonic()

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when they are due."""
        await asyncio.sleep(max(0.0, self._begun_s + self._number * FRAME_MS / 1000 - time.monotonic()))
        frame = AudioFrame.from_ndarray(self._frames[self._number % len(self._frames)][None, :], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._number * FRAME, Fraction(1, RATE)
        self._number += 1
        return frame


class Browser:
    """One page with one call. Made by `rung` or `calling`; leave it by `close`."""

    def __init__(self, tone_hz: int = 0, codec: str = "PCMA") -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._codecs = [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.name.upper() == codec]
        self._track = ToneTrack(tone_hz)
        self._heard: list[I16] = []
        self._ears: asyncio.Task[None] | None = None
        self.connection.on("track", self._listen)

    async def answer(self, offer: SessionDescription) -> SessionDescription:
        """The page's answer to an offer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(offer.to_bytes().decode(), "offer"))
        self._speak()
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return parse_sdp(self.connection.localDescription.sdp.encode())

    async def offer(self) -> SessionDescription:
        """The page's offer."""
        self._speak()
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return parse_sdp(self.connection.localDescription.sdp.encode())

    async def answered(self, answer: SessionDescription) -> None:
        """Our answer to its offer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.to_bytes().decode(), "answer"))

    async def until_hears(self, frequency_hz: float, others: tuple[float, ...] = (), timeout_s: float = 10.0) -> None:
        """Wait until this tone, and not one of the others, is what it hears. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.heard(200)) < RATE // 5 or heard_tone(self.heard(200), (frequency_hz, *others)) != frequency_hz:
                await asyncio.sleep(0.02)

    def heard(self, last_ms: int) -> I16:
        """The last of what it heard, at 8 kHz."""
        frames = self._heard[-(last_ms // FRAME_MS) :]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    def forget(self) -> None:
        self._heard.clear()

    async def close(self) -> None:
        self._track.stop()
        await self.connection.close()
        if self._ears is not None:
            self._ears.cancel()
            await asyncio.gather(self._ears, return_exceptions=True)

    def _speak(self) -> None:
        self.connection.addTrack(self._track)
        self.connection.getTransceivers()[0].setCodecPreferences(self._codecs)

    def _listen(self, track: MediaStreamTrack) -> None:
        self._ears = asyncio.create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler("s16", "mono", RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                received = await track.recv()
                assert isinstance(received, AudioFrame)
                for frame in resampler.resample(received):
                    self._heard.append(frame.to_ndarray().reshape(-1).astype(np.int16))


async def rung(client: MediaClient, leg_id: str, tone_hz: int = 0, codec: str = "PCMA") -> tuple[Browser, SdpSession]:
    """We offer and a page answers, as when an agent's browser is rung."""
    assert client.snapshot is not None
    session = SdpSession("127.0.0.1", None, fingerprint=client.snapshot.fingerprint, browser=True)
    session.opened(await client.create_leg(session.create(leg_id, "call")))
    browser = Browser(tone_hz, codec)
    session.answered(await browser.answer(session.local))
    await client.request(session.update(leg_id, TIMEOUT_MS))
    return browser, session


async def calling(client: MediaClient, leg_id: str, tone_hz: int = 0, codec: str = "PCMA") -> tuple[Browser, SdpSession]:
    """A page offers and we answer, as when an agent dials."""
    assert client.snapshot is not None
    browser = Browser(tone_hz, codec)
    session = SdpSession("127.0.0.1", await browser.offer(), fingerprint=client.snapshot.fingerprint)
    session.opened(await client.create_leg(session.create(leg_id, "call")))
    await browser.answered(session.local)
    await client.request(session.update(leg_id, TIMEOUT_MS))
    return browser, session
