"""Calls that an agent begins (F056, F137, F141), and callbacks: may it be, with which caller id, where is the own phone."""

from callstream.contracts import call_commands as cmd
from callstream.contracts.call_events import CallDialled
from callstream.contracts.states import Purpose, Terminal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.outbox import LogHealth
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.app.dial_out import DialOut, Prepared
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain.parties import leg_of_offer


class OnDial:
    """A command that is repeated finds its call begun: that is success. `draining` is switched on when no calls are begun."""

    def __init__(
        self,
        switchboard: Switchboard,
        configuration: Configuration,
        media: MediaSide,
        health: LogHealth,
        dial_out: DialOut,
        ring_agent: RingAgent,
        instance: str,
    ) -> None:
        self.draining = False
        self._switchboard, self._configuration = switchboard, configuration
        self._media, self._health = media, health
        self._dial_out, self._ring_agent, self._instance = dial_out, ring_agent, instance

    async def dial(self, command: cmd.Dial, _: str, own: PhoneCallLeg | None = None) -> None:
        """`dial`. own: the agent's phone, which has called us: it is not rung."""
        if command.call_id in self._switchboard.calls:
            return
        self._ready()
        mobile = self._own_phone(command) if own is None else None
        prepared = self._dial_out.prepare(
            command.tenant, command.agent_id, command.number, wish=command.caller_id, role=command.role
        )
        dialled = CallDialled(
            agent_id=command.agent_id,
            callee=prepared.callee,
            caller=prepared.choice.number.number,
            gateway=self._instance,
            purpose=Purpose.OUTBOUND,
            leg_id=f"{command.call_id}-c",
            agent_leg_id=f"{command.call_id}-a",
            region=prepared.region,
            chosen_by=prepared.choice.by,
            drawn_from=prepared.choice.fitting,
        )
        self._begin(command, dialled, own, mobile, prepared)

    async def call_back(self, command: cmd.CallBack, _: str) -> str:
        """`call-back`; this gateway's name."""
        if command.call_id in self._switchboard.calls:
            return self._instance
        self._ready()
        prepared = self._dial_out.prepare(command.tenant, command.agent_id, command.number, group_id=command.group_id)
        dialled = CallDialled(
            agent_id=command.agent_id,
            callee=prepared.callee,
            caller=prepared.choice.number.number,
            gateway=self._instance,
            purpose=Purpose.CALLBACK,
            leg_id=f"{command.call_id}-c",
            agent_leg_id=leg_of_offer(command.offer_id),
            region=prepared.region,
            chosen_by=prepared.choice.by,
            drawn_from=prepared.choice.fitting,
            request_id=command.request_id,
            callback_of=command.callback_of,
        )
        self._begin(command, dialled, None, None, prepared)
        return self._instance

    async def call_agent(self, command: cmd.CallAgent, _: str, own: PhoneCallLeg | None = None) -> None:
        """`call-agent`. own: as `dial`'s."""
        if command.call_id in self._switchboard.calls:
            return
        self._ready()
        if command.target_agent_id == command.agent_id:
            raise Refusal(Reason.INVALID, "an agent cannot call themselves", "target_agent_id")
        if self._configuration.agent(command.tenant, command.target_agent_id) is None:
            raise Refusal(Reason.UNKNOWN_AGENT, "no such agent", "target_agent_id")
        mobile = self._own_phone(command) if own is None else None
        dialled = CallDialled(
            agent_id=command.agent_id,
            callee=command.target_agent_id,
            caller="",
            gateway=self._instance,
            purpose=Purpose.INTERNAL,
            agent_leg_id=f"{command.call_id}-a",
        )
        self._begin(command, dialled, own, mobile)

    def _begin(
        self,
        command: cmd.Dial | cmd.CallAgent | cmd.CallBack,
        dialled: CallDialled,
        own: PhoneCallLeg | None,
        *prepared: Prepared | None,
    ) -> None:
        mobile = prepared[0].callee if prepared[0] is not None else ""
        self._switchboard.begin_dialled(
            command.call_id,
            command.tenant,
            dialled,
            command.command_id,
            {one.callee: one for one in prepared if one is not None},
            mobile,
            own,
        )

    def _ready(self) -> None:
        if self.draining:
            raise Refusal(Reason.DRAINING, "this gateway takes no new calls")
        if not self._health.available or not self._media.ready:
            raise Refusal(Reason.UNAVAILABLE, "the log or the media worker is away")

    def _own_phone(self, command: cmd.Dial | cmd.CallAgent) -> Prepared | None:
        """The leg to the agent's mobile, or None when a registered phone is rung. Raises Refusal."""
        agent = self._configuration.agent(command.tenant, command.agent_id)
        if agent is None:
            raise Refusal(Reason.UNKNOWN_AGENT, "no such agent", "agent_id")
        if command.terminal is not Terminal.MOBILE:
            if not self._ring_agent.has_phone(command.tenant, command.agent_id, command.address):
                raise Refusal(Reason.AGENT_UNREACHABLE, "the agent has no registered phone", "agent_id")
            self._ring_agent.take_phone(command.tenant, command.agent_id, command.call_id, command.address)
            return None
        number = command.address or agent.mobile
        if not number:
            raise Refusal(Reason.AGENT_UNREACHABLE, "the agent has no bound mobile number", "agent_id")
        return self._dial_out.to_mobile(command.tenant, command.agent_id, number)
