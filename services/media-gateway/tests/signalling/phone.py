"""A SIP phone with ears: the caller behind a trunk, or an agent's desk phone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.handler import Hop, Reply, UserAgentConfig
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.registration import Registration
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.user_agent import UserAgent

BOUND_S = 10.0


class Phone:
    """One user agent and one RTP endpoint. `story` holds what happened, in order."""

    def __init__(self, ears: RtpPeer, tone_hz: int, config: UserAgentConfig | None = None) -> None:
        self.ears = ears
        self.tone_hz = tone_hz
        ears.tone(tone_hz)
        self.ua = UserAgent(config or UserAgentConfig(), self)
        self.story: list[Any] = []
        self.calls: list[IncomingCall] = []
        self.dialog: Dialog | None = None
        self.calling: OutgoingCall | None = None
        self.registration: Registration | None = None
        self.when_called: Callable[[IncomingCall], Any] = lambda call: call.provisional(180)
        self._news = asyncio.Event()

    # what the user agent asks

    def accept_source(self, request: Request, source: Hop) -> int | None:
        return None

    def on_invite(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.on_cancel = lambda: self._note("cancelled")
        self._note("invited")
        self.when_called(call)

    def on_register(self, request: Request, source: Hop) -> Reply:
        return Reply(405)

    def on_options(self, request: Request, source: Hop) -> Reply:
        return Reply(200)

    # what a person does

    async def register(self, user: str, password: str, registrar: Hop) -> None:
        aor = f"sip:{user}@{registrar.host}:{registrar.port}"
        self.registration = await self.ua.register(aor, registrar, Credentials(user, password), expires=60)

    def pick_up(self) -> None:
        """Answer the newest call."""
        call = self.calls[-1]
        assert call.offer is not None
        self._talk(call.answer(make_answer(call.offer, *self.ears.address, session_id=2)), call.offer)

    def call(
        self, uri: str, offer: SessionDescription | None = None, caller: str = "sip:02011112222@trunk.test", **more: Any
    ) -> None:
        sdp = make_offer(*self.ears.address, session_id=1) if offer is None else offer
        calling = self.calling = self.ua.invite(uri, from_=caller, sdp=sdp, **more)
        calling.on_ringing = lambda code, _: self._note("ringing" if code == 180 else code)
        calling.on_failed = lambda code, _: self._note(("failed", code))
        calling.on_answered = self._on_answered

    def hang_up(self) -> None:
        assert self.dialog is not None
        self.dialog.bye()

    async def until(self, what: Any, times: int = 1) -> None:
        """Wait until the story holds it so many times."""
        async with asyncio.timeout(BOUND_S):
            while self.story.count(what) < times:
                self._news.clear()
                await self._news.wait()

    async def until_true(self, condition: Callable[[], bool]) -> None:
        """Wait until something that nobody tells of has come true."""
        async with asyncio.timeout(BOUND_S):
            while not condition():
                await asyncio.sleep(0.01)

    async def until_any(self, *several: Any) -> None:
        """Wait until the story holds one of these."""
        async with asyncio.timeout(BOUND_S):
            while not any(what in self.story for what in several):
                self._news.clear()
                await self._news.wait()

    def _on_answered(self, dialog: Dialog, sdp: SessionDescription) -> None:
        self._talk(dialog, sdp)
        self._note("answered")

    def _talk(self, dialog: Dialog, remote: SessionDescription) -> None:
        self.dialog = dialog
        dialog.on_bye = lambda ending: self._note(("ended", ending))
        audio = remote.audio
        assert audio is not None
        self.ears.send_to = (audio.host, audio.port)

    def _note(self, what: Any) -> None:
        self.story.append(what)
        self._news.set()
