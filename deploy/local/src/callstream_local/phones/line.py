"""One end of an answered call: its audio, the tone it says, and what it hears until somebody hangs up."""

import asyncio
from collections.abc import Callable

from callstream_local.phones.ear import WINDOW_MS, Ear, Heard, loud_ms
from callstream_local.phones.stories import Ending
from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.offer_answer import agreed_stream, make_answer, make_offer
from callstream_media_gateway.sip.sdp import SessionDescription

POLL_S = 0.1
_FRAME_MS = 20
_NOW_MS = 300


class Line:
    """Made before the call is answered; `connect` when it is, `ended` when it is over."""

    def __init__(self, peer: RtpPeer, ear: Ear, tone_hz: int, session_id: int, give_back: Callable[[], None]) -> None:
        self.ended = asyncio.Event()
        self.ending = Ending.OPEN
        self.sound_ms = 0
        """Sound heard since `connect` or `reset`, as far as `listen` was called."""
        self._peer = peer
        self._ear = ear
        self._session_id = session_id
        self._give_back = give_back
        self._dialog: Dialog | None = None
        self._listened = 0
        self._tone_hz = tone_hz

    def offer(self) -> SessionDescription:
        """Our session description for an INVITE."""
        host, port = self._peer.address
        return make_offer(host, port, session_id=self._session_id)

    def answer(self, offer: SessionDescription) -> SessionDescription:
        """Our answer to one. Raises NotAcceptableError."""
        host, port = self._peer.address
        return make_answer(offer, host, port, session_id=self._session_id)

    def connect(self, dialog: Dialog, local: SessionDescription, remote: SessionDescription) -> None:
        """The call is answered: audio flows from now on. Raises NotAcceptableError."""
        stream = agreed_stream(local, remote)
        self._dialog = dialog
        self._peer.law = stream.codec.payload_type
        self._peer.tone(self._tone_hz)
        if stream.event_type is not None:
            self._peer.event_pt = stream.event_type
        self._peer.send_to = (stream.host, stream.port)
        dialog.on_bye = self._on_bye

    def hang_up(self, ending: Ending = Ending.HUNG_UP) -> None:
        """Hang up, unless it is over."""
        if self.ended.is_set():
            return
        self.ending = ending
        if self._dialog is not None:
            self._dialog.bye()
        self.ended.set()

    def close(self) -> None:
        """Give the audio port back, and hang up if nobody has."""
        self.hang_up(Ending.GAVE_UP)
        self._give_back()

    @property
    def audio(self) -> RtpPeer:
        """Its end of the RTP."""
        return self._peer

    @property
    def tone_hz(self) -> int:
        """The tone that it says."""
        return self._tone_hz

    def press(self, keys: str) -> None:
        """Press keys (RFC 4733)."""
        self._peer.press(keys)

    def listen(self) -> int:
        """Take in what has arrived since the last time; the sound heard so far in ms."""
        fresh = self._peer.packets_in - self._listened
        self._listened += fresh
        if fresh:
            self.sound_ms += loud_ms(self._peer.heard(fresh * _FRAME_MS))
        return self.sound_ms

    def tone_now(self) -> int | None:
        """The tone of most of the last 300 ms; a vowel may be as pure as a tone, but not for so long."""
        heard = self._ear.heard(self._peer.heard(_NOW_MS))
        return heard.tone_hz if heard.ms > (_NOW_MS - WINDOW_MS) // 2 else None

    def heard(self) -> Heard:
        """The tone heard longest in the last 30 s."""
        return self._ear.heard(self._peer.heard())

    async def until(self, condition: Callable[[], bool], within_s: float | None) -> bool:
        """Wait until the condition holds (True), or the call is over or the time is up (False)."""
        deadline = None if within_s is None else asyncio.get_running_loop().time() + within_s
        while not self.ended.is_set():
            if condition():
                return True
            left = POLL_S if deadline is None else min(POLL_S, deadline - asyncio.get_running_loop().time())
            if left <= 0:
                return False
            await self.ends_within(left)
        return False

    async def ends_within(self, seconds: float) -> bool:
        """Whether the call ends within the time."""
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    def _on_bye(self, ending: str) -> None:
        if not self.ended.is_set():
            self.ending = Ending.PEER_HUNG_UP if ending == "bye" else Ending.LOST
            self.ended.set()
