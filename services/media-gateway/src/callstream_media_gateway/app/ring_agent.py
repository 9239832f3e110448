"""From an agent to the leg that rings their phone."""

from urllib.parse import quote

from msgspec import Struct

from callstream.contracts.states import Terminal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.phone_leg import PhoneLeg
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.adapters.trunk_leg import TrunkLeg
from callstream_media_gateway.app.dial_out import DialOut, Prepared
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.inputs import Input
from callstream_media_gateway.domain.parties import Leg
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.user_agent import UserAgent

RINGS = frozenset(Terminal)
"""Desk phones and browsers are rung at the registered contact of the agent's SIP user, mobiles through a trunk (F034, F061)."""


AUTO_ANSWER = (
    ("Call-Info", "<sip:callstream>;answer-after=0"),
    ("Alert-Info", "<http://callstream.invalid>;info=alert-autoanswer;delay=0"),
)
"""What desk phones and softphones look for (RFC 5373 has a header that they do not)."""


class Taken(Struct, frozen=True):
    """The newest call that an agent is rung for. `mobile`: the leg to an outside number, or None."""

    call_id: str
    offer_id: str
    mobile: Prepared | None
    extension: str = ""
    """SIP user of the workplace's phone that rings (F062); empty: the agent's own."""


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
        dial_out: DialOut,
    ) -> None:
        self._switchboard, self._dial_out = switchboard, dial_out
        self._configuration, self._phones, self._user_agent = configuration, phones, user_agent
        self._media, self._rtp_timeout_ms = media, rtp_timeout_ms
        self._last: dict[tuple[str, str], Taken] = {}

    def refusal(self, tenant: str, agent_id: str, call_id: str, offer_id: str, terminal: str, address: str = "") -> Reason | None:
        """Why the agent's phone cannot be rung for this offer, or None; then the agent is taken for it.

        address: of a mobile or a workplace's phone, as it was reserved; empty: the one that the agent has now. Never two legs to
        one agent (F048): agent-state grants one reservation at a time, and this is the last guard.
        """
        if terminal not in RINGS:
            return Reason.TERMINAL_NOT_SUPPORTED
        agent = self._configuration.agent(tenant, agent_id)
        if agent is None:
            return Reason.UNKNOWN_AGENT
        mobile = None
        if terminal == Terminal.MOBILE:
            number = address or agent.mobile
            if not number:
                return Reason.AGENT_UNREACHABLE
            try:
                mobile = self._dial_out.to_mobile(tenant, agent_id, number)
            except Refusal as error:
                return error.reason
        elif self._phones.of(tenant, address or agent.sip_user) is None:
            return Reason.AGENT_UNREACHABLE
        before = self._last.get((tenant, agent_id))
        if before is not None and before.offer_id != offer_id and self._is_held(before):
            return Reason.ALREADY_RESERVED
        self._last[tenant, agent_id] = Taken(call_id, offer_id, mobile, "" if mobile is not None else address)
        return None

    def restored(self, call: Call) -> None:
        """The agents of a former process's call are taken for it."""
        for offer in call.offers.values():
            self._last[call.tenant, offer.agent_id] = Taken(call.call_id, offer.offer_id, None, "")

    def take_phone(self, tenant: str, agent_id: str, call_id: str, extension: str) -> None:
        """For a call that the agent begins: which phone of theirs rings first."""
        self._last[tenant, agent_id] = Taken(call_id, "", None, extension)

    def has_phone(self, tenant: str, agent_id: str, extension: str = "") -> bool:
        """Whether a phone of the agent's, or that of their workplace, is registered now."""
        agent = self._configuration.agent(tenant, agent_id)
        return agent is not None and self._phones.of(tenant, extension or agent.sip_user) is not None

    def answers_itself(self, tenant: str, agent_id: str) -> bool:
        """Whether offers to this agent are answered without a click (F005)."""
        agent = self._configuration.agent(tenant, agent_id)
        return agent is not None and agent.auto_answer

    def leg(self, live: LiveCall, leg: Leg) -> PhoneLeg | TrunkLeg | None:
        """The SIP side of the leg; None when the phone has gone meanwhile."""
        tenant, agent_id = live.call.tenant, leg.agent_id

        def feed(given: Input) -> None:
            self._switchboard.feed(live, given)

        taken = self._last.get((tenant, agent_id))
        if leg.number in live.prepared:
            return self._dial_out.leg(live.prepared[leg.number], leg.leg_id, feed, live.call.hops)
        if leg.offer_id and taken is not None and taken.mobile is not None:
            return self._dial_out.leg(taken.mobile, leg.leg_id, feed, live.call.hops)
        agent = self._configuration.agent(tenant, agent_id)
        extension = taken.extension if taken is not None and taken.call_id == live.call.call_id else ""
        phone = self._phones.of(tenant, extension or agent.sip_user) if agent is not None else None
        if phone is None:
            return None
        host = self._user_agent.local_addr[0]
        caller = NameAddr("", Uri("sip", quote(live.call.other_side, safe="+") or "anonymous", host))
        return PhoneLeg(
            leg.leg_id,
            phone.target,
            phone.hop,
            caller,
            self._user_agent,
            self._media,
            self._rtp_timeout_ms,
            feed,
            AUTO_ANSWER if leg.auto_answer else (),
        )

    def _is_held(self, taken: Taken) -> bool:
        live = self._switchboard.calls.get(taken.call_id)
        return live is not None and taken.offer_id in live.call.offers
