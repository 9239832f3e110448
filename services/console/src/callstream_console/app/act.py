"""One person acts on what another does: the command, and its line in the operation log, whatever came of it (F183)."""

from fastapi import Response

from callstream.contracts.commands import Command
from callstream.contracts.roles import Principal
from callstream_console.http import reply_answer
from callstream_console.parts import Parts


class Act:
    """`await act(command, person, agent_id)`. What agents do for themselves stands in the event log only."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, command: Command, person: Principal, agent_id: str, scope: str = "", call_id: str = "") -> Response:
        """Send, note, answer. The note is written after the answer of the service: it tells what came of it."""
        reply = await self._parts.commands.send(command, scope or person.tenant, call_id=call_id)
        if not agent_id or agent_id != person.agent_id:
            await self._parts.documents.note(person.tenant, person.user_id, command, reply)
        return reply_answer(reply)
