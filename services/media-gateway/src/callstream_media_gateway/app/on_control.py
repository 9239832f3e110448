"""Commands of agents and supervisors to calls that go on. What they need of the outside world is asked first."""

import asyncio

from callstream.contracts import call_commands as cmd
from callstream.contracts import commands
from callstream.contracts.config import Prompt, Speech
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.app.dial_out import DialOut, Prepared
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.app.whom import whom
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs, orders
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.sip_status import status_for_phone
from callstream_media_gateway.domain.situation import check, view

PLEASE_HOLD: tuple[Prompt, ...] = (Speech(text="Please hold the line. You are being connected to another agent."),)

SIMPLE = (
    *(cmd.Hold, cmd.Retrieve, cmd.Mute, cmd.Unmute, cmd.CompleteTransfer, cmd.CancelConsult, cmd.Join, cmd.Leave, cmd.DropParty),
    *(cmd.EndSupervision, cmd.PauseRecording, cmd.ResumeRecording, cmd.HangUpAgent, cmd.ResumeCall),
)
"""Commands that say no more than what and who."""


class OnControl:
    """One method for each command; they raise Refusal, and nothing has changed then."""

    def __init__(self, switchboard: Switchboard, configuration: Configuration, dial_out: DialOut, ring_agent: RingAgent) -> None:
        self._switchboard, self._configuration = switchboard, configuration
        self._dial_out, self._ring_agent = dial_out, ring_agent
        self._tasks: set[asyncio.Task[None]] = set()

    async def view(self, command: cmd.GetCallView, _: str) -> cmd.CallView:
        """`call-view`."""
        return view(self.live(command.call_id).call, command.agent_id)

    async def simple(self, command: commands.Command, _: str) -> None:
        """All of SIMPLE."""
        if not isinstance(command, SIMPLE):
            raise TypeError(f"{command.NAME} says more")
        given = orders.Controlled(
            cause=command.command_id, control=Control(command.NAME), agent_id=command.agent_id, actor=command.actor
        )
        self._switchboard.command(self.live(command.call_id), given)

    async def consult(self, command: cmd.Consult, _: str, own: PhoneCallLeg | None = None) -> None:
        """`consult`. own: of an agent whose phone has called the target; it is among the call's phones already."""
        live = self.live(command.call_id)
        if command.command_id in live.call.done:
            return
        check(live.call, Control.CONSULT, command.agent_id)
        _one_of({"target_agent_id": command.target_agent_id, "number": command.number})
        given: inputs.Input
        own_leg, hops = (own.leg_id, own.hops) if own is not None else ("", live.call.hops)
        if command.number:
            number = self._outside(live, command)
            given = orders.AskOutside(
                cause=command.command_id,
                agent_id=command.agent_id,
                actor=command.actor,
                number=number,
                own_leg=own_leg,
                hops=hops,
            )
        else:
            self._known_agent(live, command.target_agent_id, "target_agent_id")
            given = orders.AskAgent(
                cause=command.command_id,
                agent_id=command.agent_id,
                actor=command.actor,
                target_agent_id=command.target_agent_id,
                own_leg=own_leg,
                hops=hops,
            )
        self._switchboard.command(live, given)

    async def blind_transfer(self, command: cmd.BlindTransfer, _: str) -> None:
        """`blind-transfer`."""
        live = self.live(command.call_id)
        if command.command_id in live.call.done:
            return
        check(live.call, Control.BLIND_TRANSFER, command.agent_id)
        _one_of({"target_agent_id": command.target_agent_id, "group_id": command.group_id, "number": command.number})
        prompts = self._transfer_prompts(live)
        given: inputs.Input
        if command.number:
            number = self._outside(live, command, transfer_out=True)
            given = orders.HandOut(
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
            given = orders.HandOver(
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
        if command.command_id in live.call.done:
            return
        check(live.call, Control.SUPERVISE, command.agent_id)
        number, own = "", command.supervisor_agent_id
        if not any(w.supervisor == command.actor and w.agent_id == command.agent_id for w in live.call.watches.values()):
            _one_of({"supervisor_agent_id": own, "number": command.number})
            if command.number:
                number = self._outside(live, command)
            else:
                self._known_agent(live, own, "supervisor_agent_id")
                if not self._ring_agent.has_phone(live.call.tenant, own):
                    raise Refusal(Reason.AGENT_UNREACHABLE, "the supervisor has no registered phone", "supervisor_agent_id")
        given = orders.Supervise(
            cause=command.command_id,
            agent_id=command.agent_id,
            actor=command.actor,
            mode=command.mode,
            supervisor_agent_id=own,
            number=number,
        )
        self._switchboard.command(live, given)

    async def send_digits(self, command: cmd.SendDigits, _: str) -> None:
        """`send-digits`."""
        given = orders.SendKeys(cause=command.command_id, agent_id=command.agent_id, actor=command.actor, digits=command.digits)
        self._switchboard.command(self.live(command.call_id), given)

    async def play(self, command: cmd.PlayToCustomer, _: str) -> None:
        """`play-to-customer`."""
        given = orders.PlayTo(
            cause=command.command_id,
            agent_id=command.agent_id,
            actor=command.actor,
            play_id=command.play_id,
            prompts=command.prompts,
        )
        self._switchboard.command(self.live(command.call_id), given)

    async def collect(self, command: cmd.CollectDigits, _: str) -> None:
        """`collect-digits`."""
        live = self.live(command.call_id)
        template = self._configuration.collect_template(live.call.tenant, command.template_id)
        if template is None:
            raise Refusal(Reason.INVALID, "no such template", "template_id")
        given = orders.Collect(
            cause=command.command_id,
            agent_id=command.agent_id,
            actor=command.actor,
            collection_id=command.collection_id,
            template=template,
        )
        self._switchboard.command(live, given)

    async def survey(self, command: cmd.StartSurvey, _: str) -> None:
        """`survey`."""
        live = self.live(command.call_id)
        if command.command_id in live.call.done:
            return
        check(live.call, Control.SURVEY, command.agent_id)
        survey = self._configuration.settings(live.call.tenant).survey
        if survey is None:
            raise Refusal(Reason.INVALID, "the settings have no survey", "survey")
        given = orders.AskRating(cause=command.command_id, agent_id=command.agent_id, actor=command.actor, survey=survey)
        self._switchboard.command(live, given)

    async def run_flow(self, command: cmd.RunFlow, _: str) -> None:
        """`run-flow`."""
        live = self.live(command.call_id)
        if self._configuration.flow(live.call.tenant, command.flow_id, command.flow_version) is None:
            raise Refusal(Reason.UNKNOWN_FLOW, "no such flow, or not this version", "flow_id")
        given = orders.RunFlow(
            cause=command.command_id,
            agent_id=command.agent_id,
            actor=command.actor,
            flow_id=command.flow_id,
            flow_version=command.flow_version,
        )
        self._switchboard.command(live, given)

    def choose(self, live: LiveCall, effect: do.Choose) -> None:
        """A number that an agent keyed in (F029) or refers to: an agent's, or else an outside one.
        Out of an effect, so by a task."""
        task = asyncio.create_task(self._choose(live, effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _choose(self, live: LiveCall, effect: do.Choose) -> None:
        call, agent_id = live.call, effect.agent_id
        target, number = whom(self._configuration, call.tenant, effect.typed)
        command: commands.Command
        try:
            if effect.control is Control.CONSULT:
                command = cmd.Consult(
                    command_id="", call_id=call.call_id, agent_id=agent_id, actor=agent_id, target_agent_id=target, number=number
                )
                await self.consult(command, "")
            else:
                command = cmd.BlindTransfer(
                    command_id="", call_id=call.call_id, agent_id=agent_id, actor=agent_id, target_agent_id=target, number=number
                )
                await self.blind_transfer(command, "")
        except Refusal as refused:
            self._switchboard.feed(live, inputs.MenuRefused(agent_id=agent_id, sip_status=status_for_phone(refused.reason)))

    def live(self, call_id: str) -> LiveCall:
        """The call; raises Refusal."""
        live = self._switchboard.calls.get(call_id)
        if live is None:
            raise Refusal(Reason.UNKNOWN_CALL, "this gateway has no such call", "call_id")
        return live

    def _outside(
        self, live: LiveCall, command: cmd.Consult | cmd.BlindTransfer | cmd.Supervise, *, transfer_out: bool = False
    ) -> str:
        """E.164 of the command's number, which may be dialled; its leg is prepared."""
        prepared: Prepared = self._dial_out.prepare(
            live.call.tenant, command.agent_id, command.number, role=command.role, transfer_out=transfer_out
        )
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
