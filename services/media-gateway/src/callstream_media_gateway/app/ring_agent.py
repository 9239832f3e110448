"""From an agent to the leg that rings their phone."""

from urllib.parse import quote

from callstream.contracts.states import Terminal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.phone_leg import PhoneLeg
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.user_agent import UserAgent

RINGS = frozenset({Terminal.DESK_PHONE, Terminal.BROWSER})
"""Both are rung at the registered contact of the agent's SIP user. A mobile takes a leg through a trunk: not built yet."""


class RingAgent:
    """Knows which phone is an agent's, and whether it may be rung."""

    def __init__(
        self,
        switchboard: Switchboard,
        configuration: Configuration,
        phones: Phones,
        user_agent: UserAgent,
        media: MediaSide,
        rtp_timeout_ms: int,
    ) -> None:
        self._switchboard = switchboard
        self._configuration, self._phones, self._user_agent = configuration, phones, user_agent
        self._media, self._rtp_timeout_ms = media, rtp_timeout_ms
        self._last: dict[tuple[str, str], tuple[str, str]] = {}

    def refusal(self, tenant: str, agent_id: str, call_id: str, offer_id: str, terminal: str) -> Reason | None:
        """Why the agent's phone cannot be rung for this offer, or None; then the agent is taken for it.

        Never two legs to one agent (F048): agent-state grants one reservation at a time, and this is the last guard.
        """
        if terminal not in RINGS:
            return Reason.TERMINAL_NOT_SUPPORTED
        agent = self._configuration.agent(tenant, agent_id)
        if agent is None:
            return Reason.UNKNOWN_AGENT
        if self._phones.of(tenant, agent.sip_user) is None:
            return Reason.AGENT_UNREACHABLE
        before = self._last.get((tenant, agent_id))
        if before is not None and before[1] != offer_id and self._is_held(*before):
            return Reason.ALREADY_RESERVED
        self._last[tenant, agent_id] = (call_id, offer_id)
        return None

    def leg(self, live: LiveCall, leg_id: str, agent_id: str) -> PhoneLeg | None:
        """The SIP side of the leg; None when the phone has gone meanwhile."""
        tenant, arrived = live.call.tenant, live.call.arrived
        agent = self._configuration.agent(tenant, agent_id)
        phone = self._phones.of(tenant, agent.sip_user) if agent is not None else None
        if phone is None:
            return None
        host = self._user_agent.local_addr[0]
        caller = NameAddr("", Uri("sip", quote(arrived.caller, safe="+") or "anonymous", host))
        return PhoneLeg(
            leg_id,
            phone.target,
            phone.hop,
            caller,
            self._user_agent,
            self._media,
            self._rtp_timeout_ms,
            lambda given: self._switchboard.feed(live, given),
        )

    def _is_held(self, call_id: str, offer_id: str) -> bool:
        live = self._switchboard.calls.get(call_id)
        return live is not None and offer_id in live.call.offers
