"""A caller: dials a number through the trunk, listens, presses keys, waits, talks, and knows when to stop."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from callstream_local.phones.line import Line
from callstream_local.phones.plans import CallPlan
from callstream_local.phones.stories import CallerStory, Ending
from callstream_local.phones.tones import AGENT_TONES
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.user_agent import UserAgent

PROMPT_WITHIN_S = 20.0
"""How long a caller waits for something to be said before pressing a key all the same."""
GIVE_UP_S = 120.0
"""A call in which nothing happens for so long is given up, and told as such."""


class Caller:
    """One call of one plan. `story` can be read at any time; `call` returns it when all is over."""

    def __init__(
        self,
        user_agent: UserAgent,
        gateway: Hop,
        new_line: Callable[[int], Line],
        plan: CallPlan,
        now: Callable[[], datetime],
        give_up_s: float,
    ) -> None:
        self.story = CallerStory(caller=plan.caller, tone_hz=plan.tone_hz, placed_at=now())
        self._user_agent = user_agent
        self._gateway = gateway
        self._line = new_line(plan.tone_hz)
        self._plan = plan
        self._now = now
        self._give_up_s = give_up_s
        self._answered = asyncio.Event()

    def hears(self) -> int | None:
        """The tone that the caller hears now."""
        return self._line.tone_now()

    async def call(self) -> CallerStory:
        """Place the call and go through with it."""
        story, line = self.story, self._line
        story.placed_at = self._now()
        outgoing = self._dial()
        try:
            if await self._picked_up(outgoing):
                await self._follow_plan()
                story.heard = line.heard()
        finally:
            line.close()
            story.ended_at = self._now()
            if story.ending is Ending.OPEN:
                story.ending = line.ending
        return story

    def _dial(self) -> OutgoingCall:
        host, port = self._gateway.host, self._gateway.port
        local = self._line.offer()
        outgoing = self._user_agent.invite(
            f"sip:{self._plan.called}@{host}:{port}",
            from_=f"<sip:{self._plan.caller}@{host}>",
            sdp=local,
            next_hop=self._gateway,
        )

        def answered(dialog: Dialog, remote: SessionDescription) -> None:
            self.story.answered_at = self._now()
            self._line.connect(dialog, local, remote)
            self._answered.set()

        def failed(code: int, _reason: str) -> None:
            self.story.sip_status = code
            self.story.ending = Ending.CANCELLED if code == 487 else Ending.REFUSED
            self._line.ended.set()

        outgoing.on_answered = answered
        outgoing.on_failed = failed
        return outgoing

    async def _picked_up(self, outgoing: OutgoingCall) -> bool:
        """Whether the other side answers. A call that rings for ever is cancelled."""
        if await self._line.until(self._answered.is_set, self._give_up_s):
            return True
        if not self._line.ended.is_set():
            outgoing.cancel()
            await self._line.ends_within(40.0)
            self.story.ending = Ending.GAVE_UP
        return False

    async def _follow_plan(self) -> None:
        line, plan = self._line, self._plan
        if plan.leaves_prompt_s is not None:
            await line.until(self._listening(lambda: False), plan.leaves_prompt_s)
            line.hang_up()
            return
        for key, listen_ms in zip(plan.keys, plan.listen_ms, strict=True):
            await line.until(self._listening(self._has_heard(line.listen() + listen_ms)), PROMPT_WITHIN_S)
            if line.ended.is_set():
                return
            line.press(key)
            self.story.keys += key
        talking = await line.until(self._listening(self._somebody_talks), plan.patience_s or self._give_up_s)
        if not talking:
            line.hang_up(Ending.GAVE_UP if plan.patience_s is None else Ending.HUNG_UP)
            return
        await line.ends_within(plan.talk_s or self._give_up_s)
        line.hang_up(Ending.GAVE_UP if plan.talk_s is None else Ending.HUNG_UP)

    def _listening(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        def listen() -> bool:
            self._line.listen()
            self.story.prompts_ms = self._line.sound_ms
            return condition()

        return listen

    def _has_heard(self, total_ms: int) -> Callable[[], bool]:
        return lambda: self._line.sound_ms >= total_ms

    def _somebody_talks(self) -> bool:
        return self._line.tone_now() in AGENT_TONES
