"""Asks routing how many callers are ahead: anew at each round of the queue prompts (F072)."""

import asyncio
from typing import Protocol

import msgspec
import structlog

from callstream.contracts.commands import Command, QueuePosition, Reply
from callstream.kernel.outcomes import Reason

PATIENCE_S = 0.3
"""How long the caller may wait for the number; then the last known one is spoken."""
NOT_QUEUED_YET_S = 0.1
"""The request may be in the log and not yet in routing's queue: the first round asks twice."""


log = structlog.get_logger(__name__)


class SendsCommands(Protocol):
    """The asking side of commands (callstream.runtime.commands)."""

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        """The receiver's answer; never raises for an absent receiver."""
        ...


class AskPosition:
    """Called for each round; keeps the last known number of each call."""

    def __init__(self, commands: SendsCommands, run: str) -> None:
        """`run` tells this process from its predecessors: each question must be a new one, or the old answer came again."""
        self._commands, self._run = commands, run
        self._asked = 0
        self._known: dict[str, tuple[str, int]] = {}

    async def __call__(self, call_id: str, tenant: str, request_id: str) -> int | None:
        """Callers ahead now, else the last number known for this request, else None."""
        known = self._known.get(call_id)
        last = known[1] if known is not None and known[0] == request_id else None
        reply = await self._ask(call_id, tenant, request_id)
        if last is None and reply.reason is Reason.UNKNOWN_CALL:
            await asyncio.sleep(NOT_QUEUED_YET_S)
            reply = await self._ask(call_id, tenant, request_id)
        if not reply.accepted:
            return last
        try:
            ahead = msgspec.json.decode(reply.result, type=int)
        except msgspec.MsgspecError as error:
            log.warning("queue position not readable", request_id=request_id, error=str(error))
            return last
        self._known[call_id] = (request_id, ahead)
        return ahead

    def forget(self, call_id: str) -> None:
        """The call's session is over."""
        self._known.pop(call_id, None)

    async def _ask(self, call_id: str, tenant: str, request_id: str) -> Reply:
        self._asked += 1
        command = QueuePosition(command_id=f"{request_id}-{self._run}-{self._asked}", request_id=request_id)
        return await self._commands.send(command, scope=tenant, timeout_s=PATIENCE_S, retries=0, call_id=call_id)
