"""Sends what sessions want: one command a call at a time, again and again until the receiver has answered.

What was sent is remembered in this process only. After a restart the wishes whose effects are not in the log are sent
again under their ids, and the receiver gives its first answer again.
"""

import asyncio
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from callstream.contracts.commands import Command, PlayPrompts, Reply, TakeMessage
from callstream.kernel.outcomes import Reason
from callstream_ivr.app.ask_position import AskPosition, SendsCommands
from callstream_ivr.domain.decide import PlayRefusal
from callstream_ivr.domain.position import with_position
from callstream_ivr.domain.session import Session
from callstream_ivr.domain.wanted import speaks_position

TRY_AGAIN = frozenset({Reason.UNAVAILABLE, Reason.CONFLICT, Reason.DRAINING})
"""The gateway is restarting: it answers later, or the call's end will be in the log."""
UNKNOWN_CALL_TRIES = 5
"""A gateway that says so may not have found its calls again yet; after as many tries it means it."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0

log = structlog.get_logger(__name__)


class CarryOut:
    """Called with a session and the command that it wants; a new wish of the same call takes the place of the old one."""

    def __init__(self, commands: SendsCommands, ask_position: AskPosition, on_refusal: Callable[[str], None]) -> None:
        """`on_refusal` is told the call whose playback was refused: its session is to be looked at again."""
        self._commands, self._ask_position, self._on_refusal = commands, ask_position, on_refusal
        self._sent: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._refusals: dict[str, PlayRefusal] = {}

    def __call__(self, session: Session, command: Command) -> None:
        """Send `command`, unless it is being or has been sent by this process."""
        call_id = session.call_id
        sent = self._sent.get(call_id)
        if sent is not None:
            if sent[0] == command.command_id:
                return
            sent[1].cancel()
        self._refusals.pop(call_id, None)
        work = self._send(command, call_id, session.gateway, session.tenant, session.request_id)
        self._sent[call_id] = (command.command_id, asyncio.create_task(work))

    def refusal_of(self, call_id: str) -> PlayRefusal | None:
        """The refusal of the call's present playback, if the gateway refused it."""
        return self._refusals.get(call_id)

    def forget(self, call_id: str) -> None:
        """The call's session is over."""
        self._refusals.pop(call_id, None)
        self._ask_position.forget(call_id)
        sent = self._sent.pop(call_id, None)
        if sent is not None:
            sent[1].cancel()

    async def stop(self) -> None:
        """End what is being sent; the next start sends it again."""
        tasks = [task for _, task in self._sent.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, command: Command, call_id: str, gateway: str, tenant: str, request_id: str) -> None:
        pause, tries = FIRST_PAUSE_S, 0
        while True:
            ready = await self._fill_in(command, call_id, tenant, request_id)
            if ready is not None:
                reply = await self._commands.send(ready, scope=gateway, call_id=call_id)
                if reply.accepted:
                    return
                tries += 1
                maybe_later = reply.reason is Reason.UNKNOWN_CALL and tries < UNKNOWN_CALL_TRIES
                if reply.reason not in TRY_AGAIN and not maybe_later:
                    self._refused(command, call_id, reply)
                    return
                log.info("command not carried out yet", call_id=call_id, command=command.NAME, reason=reply.reason)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _fill_in(self, command: Command, call_id: str, tenant: str, request_id: str) -> Command | None:
        """The command with ${WaitNo} spoken out; None when nothing is left to play until routing tells the number."""
        if not isinstance(command, PlayPrompts) or not speaks_position(command.prompts):
            return command
        ahead = await self._ask_position(call_id, tenant, request_id)
        prompts = with_position(command.prompts, ahead)
        return replace(command, prompts=prompts) if prompts else None

    def _refused(self, command: Command, call_id: str, reply: Reply) -> None:
        log.warning("command refused", call_id=call_id, command=command.NAME, reason=reply.reason, message=reply.message)
        if isinstance(command, PlayPrompts | TakeMessage):
            reason = reply.reason or Reason.INTERNAL
            self._refusals[call_id] = PlayRefusal(play_id=command.play_id, reason=reason, message=reply.message)
            self._on_refusal(call_id)
