"""User agents with a memory, for tests: what they were told, in order, and what they do when called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.handler import Hop, Reply, UserAgentConfig
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.user_agent import UserAgent

OFFER = make_offer("127.0.0.1", 40000, session_id=1)
FAST = {"t1": 0.02, "t2": 0.05, "t4": 0.02}  # RFC 3261's base times, shortened: 64*T1 is 1.3 s
BOUND = 10.0  # seconds a test waits at most for anything


async def until(condition: Callable[[], Any], bound: float = BOUND) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    async with asyncio.timeout(bound):
        while not condition():
            await asyncio.sleep(0.002)


class Phone:
    """One user agent. `story` is what happened; calls and dialogs are kept in order."""

    def __init__(self, **config: Any) -> None:
        self.ua = UserAgent(UserAgentConfig(**config), self)
        self.story: list[Any] = []
        self.calls: list[IncomingCall] = []
        self.dialogs: list[Dialog] = []
        self.refuse: int | None = None
        self.register_reply: Callable[[Request, Hop], Reply] = lambda request, source: Reply(405)
        self.when_called: Callable[[IncomingCall], Any] = lambda call: None

    @property
    def hop(self) -> Hop:
        return Hop("udp", *self.ua.local_addr)

    @property
    def tcp(self) -> Hop:
        return Hop("tcp", *self.ua.local_addr)

    def uri(self, user: str = "phone") -> str:
        host, port = self.ua.local_addr
        return f"sip:{user}@[{host}]:{port}" if ":" in host else f"sip:{user}@{host}:{port}"

    # what the user agent asks

    def accept_source(self, request: Request, source: Hop) -> int | None:
        return self.refuse

    def on_invite(self, call: IncomingCall) -> None:
        self.calls.append(call)
        self.story.append("invite")
        call.on_cancel = lambda: self.story.append("cancelled")
        self.when_called(call)

    def on_register(self, request: Request, source: Hop) -> Reply:
        return self.register_reply(request, source)

    def on_options(self, request: Request, source: Hop) -> Reply:
        return Reply(200)

    # what a person does

    def answer(self, call: IncomingCall) -> Dialog:
        sdp = make_answer(call.offer, "127.0.0.1", 40002, session_id=2) if call.offer else OFFER
        return self.watch(call.answer(sdp))

    def call(self, target: Phone | str, sdp: SessionDescription = OFFER, **more: Any) -> OutgoingCall:
        uri = target if isinstance(target, str) else target.uri()
        call = self.ua.invite(uri, from_=self.uri("caller"), sdp=sdp, **more)
        call.on_ringing = lambda code, sdp: self.story.append(("ringing", code, sdp is not None))
        call.on_failed = lambda code, reason: self.story.append(("failed", code))

        def answered(dialog: Dialog, sdp: SessionDescription) -> None:
            self.story.append("answered")
            self.watch(dialog)

        call.on_answered = answered
        return call

    def watch(self, dialog: Dialog) -> Dialog:
        self.dialogs.append(dialog)
        dialog.on_bye = lambda ending: self.story.append(("ended", ending))
        dialog.on_ack = lambda sdp: self.story.append("acked")
        return dialog

    def held(self, *names: str) -> int:
        held = self.ua.held()
        return sum(held[name] for name in names or held)


@asynccontextmanager
async def phones(count: int = 2, **config: Any) -> AsyncIterator[list[Phone]]:
    """Started phones on free loopback ports, stopped afterwards."""
    made = [Phone(**config) for _ in range(count)]
    try:
        for phone in made:
            await phone.ua.start()
        yield made
    finally:
        for phone in made:
            await phone.ua.stop()
