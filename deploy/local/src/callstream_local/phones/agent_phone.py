"""An agent's desk phone and the person at it: rings, is answered or not, talks, hangs up."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from callstream_local.phones.line import Line
from callstream_local.phones.plans import AgentPlan, Answer, LetRing, Reject
from callstream_local.phones.stories import Ending, OfferStory
from callstream_local.phones.tones import CALLER_TONES
from callstream_media_gateway.sip.errors import CallOverError
from callstream_media_gateway.sip.incoming_call import IncomingCall

CALLER_SPEAKS_WITHIN_S = 30.0
"""The connect prompt lies between the answer and the caller's voice."""
GIVE_UP_S = 120.0


class AgentPhone:
    """One phone for any number of offers, one at a time. `stories`: all of them, in the order of arrival."""

    def __init__(self, plan: AgentPlan, new_line: Callable[[int], Line], now: Callable[[], datetime]) -> None:
        self.plan = plan
        self.stories: list[OfferStory] = []
        self._new_line = new_line
        self._now = now
        self._reactions = plan.reaction_stream()
        self._busy = False

    async def ring(self, call: IncomingCall) -> None:
        """Live through one INVITE."""
        story = OfferStory(self.plan.user, self.plan.tone_hz, call.from_.uri.user or "", self._now(), while_busy=self._busy)
        self.stories.append(story)
        if self._busy:
            story.ending, story.ended_at = Ending.REFUSED, self._now()
            call.reject(486)
            return
        self._busy = True
        try:
            await self._react(call, story)
        finally:
            self._busy = False
            story.ended_at = self._now()

    async def _react(self, call: IncomingCall, story: OfferStory) -> None:
        cancelled = asyncio.Event()
        call.on_cancel = cancelled.set
        call.provisional(180)
        reaction = next(self._reactions)
        try:
            async with asyncio.timeout(GIVE_UP_S if isinstance(reaction, LetRing) else reaction.after_s):
                await cancelled.wait()
            story.ending = Ending.CANCELLED
            return
        except TimeoutError:
            pass
        try:
            match reaction:
                case Answer():
                    await self._talk(call, story, reaction)
                case Reject():
                    call.reject(reaction.status)
                    story.ending = Ending.REFUSED
                case LetRing():
                    call.reject(480)
                    story.ending = Ending.GAVE_UP
        except CallOverError:  # the CANCEL was faster
            story.ending = Ending.CANCELLED

    async def _talk(self, call: IncomingCall, story: OfferStory, reaction: Answer) -> None:
        if call.offer is None:
            call.reject(488)
            story.ending = Ending.REFUSED
            return
        line = self._new_line(self.plan.tone_hz)
        try:
            local = line.answer(call.offer)
            dialog = call.answer(local)
            story.answered_at = self._now()
            line.connect(dialog, local, call.offer)
            await line.until(lambda: line.tone_now() in CALLER_TONES, CALLER_SPEAKS_WITHIN_S)
            await line.ends_within(reaction.talk_s or GIVE_UP_S)
            line.hang_up(Ending.GAVE_UP if reaction.talk_s is None else Ending.HUNG_UP)
            story.heard, story.ending = line.heard(), line.ending
        finally:
            line.close()
