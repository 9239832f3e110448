"""An agent's phone calls while they are in no call: they are seized as for a dial from the screen, then the call begins.

When this process dies in between, agent-state gives the agent back after some seconds: nobody stays busy for a call that never
began. Whom it refuses to seize is not rung for: the phone hears why.
"""

import asyncio
from collections.abc import Callable

from callstream.contracts import call_commands as cmd
from callstream.contracts.commands import Command, ReleaseAgent, Reply
from callstream.contracts.states import Purpose
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.commands import Commands
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.app.on_dial import OnDial

UNKNOWN = frozenset({Reason.UNAVAILABLE, Reason.INTERNAL, Reason.CONFLICT})
"""Answers behind which the agent may be seized all the same."""


class PhoneDials:
    """`new_id`: of a call or a command."""

    def __init__(self, on_dial: OnDial, commands: Commands, new_id: Callable[[], str]) -> None:
        self._on_dial, self._commands, self._new_id = on_dial, commands, new_id
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, tenant: str, agent_id: str, target: str, number: str, made: Callable[[str], PhoneCallLeg]) -> None:
        """Begin the call to another agent, or to a number; `made` makes the leg of the phone's INVITE by its id.

        Raises Refusal; then the agent is as before.
        """
        call_id = self._new_id()
        own = made(f"{call_id}-a")
        purpose = Purpose.INTERNAL if target else Purpose.OUTBOUND
        seize = cmd.SeizeAgent(command_id=self._new_id(), agent_id=agent_id, call_id=call_id, purpose=purpose, actor=agent_id)
        seized = await self._send(seize, tenant, call_id)
        try:
            if not seized.accepted:
                raise Refusal(seized.reason or Reason.INTERNAL, seized.message, seized.field)
            if own.incoming.is_over:
                raise Refusal(Reason.AGENT_HUNG_UP, "the phone has given up meanwhile")
            await self._dial(tenant, agent_id, call_id, target, number, own)
        except BaseException:
            if seized.accepted or seized.reason in UNKNOWN:
                task = asyncio.create_task(self._give_back(tenant, agent_id, call_id))  # the phone hears at once why not
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            raise

    async def _give_back(self, tenant: str, agent_id: str, call_id: str) -> None:
        await self._send(ReleaseAgent(command_id=self._new_id(), agent_id=agent_id, offer_id=call_id), tenant, call_id)

    async def _dial(self, tenant: str, agent_id: str, call_id: str, target: str, number: str, own: PhoneCallLeg) -> None:
        command_id = self._new_id()
        if target:
            asked = cmd.CallAgent(
                command_id=command_id,
                tenant=tenant,
                call_id=call_id,
                agent_id=agent_id,
                actor=agent_id,
                target_agent_id=target,
            )
            await self._on_dial.call_agent(asked, "", own)
        else:
            dial = cmd.Dial(
                command_id=command_id,
                tenant=tenant,
                call_id=call_id,
                agent_id=agent_id,
                actor=agent_id,
                number=number,
            )
            await self._on_dial.dial(dial, "", own)

    async def _send(self, command: Command, tenant: str, call_id: str) -> Reply:
        return await self._commands.send(command, tenant, call_id=call_id)
