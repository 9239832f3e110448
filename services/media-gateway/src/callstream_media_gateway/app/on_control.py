"""Commands of agents and supervisors to calls that go on. What they need of the outside world is asked first."""

from callstream.contracts import call_commands as cmd
from callstream.contracts import commands
from callstream.contracts.config import Prompt, Speech
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.app.dial_out import DialOut, Prepared
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.situation import check, view

PLEASE_HOLD: tuple[Prompt, ...] = (Speech(text="Please hold the line. You are being connected to another agent."),)

SIMPLE = (
    *(cmd.Hold, cmd.Retrieve, cmd.Mute, cmd.Unmute, cmd.CompleteTransfer, cmd.CancelConsult, cmd.Join, cmd.Leave, cmd.DropParty),
    cmd.EndSupervision,
)
"""Commands that say no more than what and who."""


class OnControl:
    """One method for each command; they raise Refusal, and nothing has changed then."""

    def __init__(self, switchboard: Switchboard, configuration: Configuration, dial_out: DialOut, ring_agent: RingAgent) -> None:
        self._switchboard, self._configuration = switchboard, configuration
        self._dial_out, self._ring_agent = dial_out, ring_agent

    async def view(self, command: cmd.GetCallView, _: str) -> cmd.CallView:
        """`call-view`."""
        return view(self.live(command.call_id).call, command.agent_id)

    async def simple(self, command: commands.Command, _: str) -> None:
        """All of SIMPLE."""
        if not isinstance(command, SIMPLE):
            raise TypeError(f"{command.NAME} says more")
        given = inputs.Controlled(
            cause=command.command_id, control=Control(command.NAME), agent_id=command.agent_id, actor=command.actor
        )
        self._switchboard.command(self.live(command.call_id), given)

    async def consult(self, command: cmd.Consult, _: str) -> None:
        """`consult`."""
        live = self.live(command.call_id)
        check(live.call, Control.CONSULT, command.agent_id)
        _one_of({"target_agent_id": command.target_agent_id, "number": command.number})
        given: inputs.Input
        if command.number:
            number = self._outside(live, command.agent_id, command.number)
            given = inputs.AskOutside(cause=command.command_id, agent_id=command.agent_id, actor=command.actor, number=number)
        else:
            self._known_agent(live, command.target_agent_id, "target_agent_id")
            given = inputs.AskAgent(
                cause=command.command_id,
                agent_id=command.agent_id,
                actor=command.actor,
                target_agent_id=command.target_agent_id,
            )
        self._switchboard.command(live, given)

    async def blind_transfer(self, command: cmd.BlindTransfer, _: str) -> None:
        """`blind-transfer`."""
        live = self.live(command.call_id)
        check(live.call, Control.BLIND_TRANSFER, command.agent_id)
        _one_of({"target_agent_id": command.target_agent_id, "group_id": command.group_id, "number": command.number})
        prompts = self._transfer_prompts(live)
        given: inputs.Input
        if command.number:
            number = self._outside(live, command.agent_id, command.number, transfer_out=True)
            given = inputs.HandOut(
                cause=command.command_id,
                agent_id=command.agent_id,
                actor=command.actor,
                number=number,
                prompts=prompts,
            )
        else:
            if command.target_agent_id:
                self._known_agent(live, command.target_agent_id, "target_agent_id")
            elif self._configuration.group(live.call.tenant, command.group_id) is None:
                raise Refusal(Reason.UNKNOWN_GROUP, "no such group", "group_id")
            given = inputs.HandOver(
                cause=command.command_id,
                agent_id=command.agent_id,
                actor=command.actor,
                target_agent_id=command.target_agent_id,
                group_id=command.group_id,
                prompts=prompts,
            )
        self._switchboard.command(live, given)

    async def transfer(self, command: commands.TransferCall, _: str) -> None:
        """`transfer`, by a supervisor."""
        live = self.live(command.call_id)
        given = inputs.Transfer(
            cause=command.command_id,
            agent_id=command.agent_id,
            target_agent_id=command.target_agent_id,
            actor=command.actor,
            prompts=command.prompts or self._transfer_prompts(live),
        )
        self._switchboard.command(live, given)

    async def tear_down(self, command: commands.TearDown, _: str) -> None:
        """`tear-down`."""
        given = inputs.TearDown(cause=command.command_id, agent_id=command.agent_id, actor=command.actor)
        self._switchboard.command(self.live(command.call_id), given)

    async def supervise(self, command: cmd.Supervise, _: str) -> None:
        """`supervise`."""
        live = self.live(command.call_id)
        check(live.call, Control.SUPERVISE, command.agent_id)
        number, own = "", command.supervisor_agent_id
        if not any(w.supervisor == command.actor and w.agent_id == command.agent_id for w in live.call.watches.values()):
            _one_of({"supervisor_agent_id": own, "number": command.number})
            if command.number:
                number = self._outside(live, command.agent_id, command.number)
            else:
                self._known_agent(live, own, "supervisor_agent_id")
                if not self._ring_agent.has_phone(live.call.tenant, own):
                    raise Refusal(Reason.AGENT_UNREACHABLE, "the supervisor has no registered phone", "supervisor_agent_id")
        given = inputs.Supervise(
            cause=command.command_id,
            agent_id=command.agent_id,
            actor=command.actor,
            mode=command.mode,
            supervisor_agent_id=own,
            number=number,
        )
        self._switchboard.command(live, given)

    def live(self, call_id: str) -> LiveCall:
        """The call; raises Refusal."""
        live = self._switchboard.calls.get(call_id)
        if live is None:
            raise Refusal(Reason.UNKNOWN_CALL, "this gateway has no such call", "call_id")
        return live

    def _outside(self, live: LiveCall, agent_id: str, number: str, *, transfer_out: bool = False) -> str:
        """E.164 of a number that this agent may have dialled; its leg is prepared."""
        prepared: Prepared = self._dial_out.prepare(live.call.tenant, agent_id, number, transfer_out=transfer_out)
        live.prepared[prepared.callee] = prepared
        return prepared.callee

    def _known_agent(self, live: LiveCall, agent_id: str, field: str) -> None:
        if self._configuration.agent(live.call.tenant, agent_id) is None:
            raise Refusal(Reason.UNKNOWN_AGENT, "no such agent", field)

    def _transfer_prompts(self, live: LiveCall) -> tuple[Prompt, ...]:
        return self._configuration.settings(live.call.tenant).transfer_prompts or PLEASE_HOLD


def _one_of(fields: dict[str, str]) -> None:
    """Exactly one is set."""
    if sum(bool(value) for value in fields.values()) != 1:
        raise Refusal(Reason.INVALID, f"name one of {', '.join(fields)}", next(iter(fields)))
