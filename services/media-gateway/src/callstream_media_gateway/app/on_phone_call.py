"""An agent's phone calls us: who is in a talk consults whom it has dialled, anybody else begins a call with them.

The same rules as for the controls `consult`, `dial` and `call-agent` (docs/call-control.md), and the same refusals, as final
answers. Until it is known that the call can be served nothing is held for it but its transaction.
"""

import asyncio
from secrets import token_hex
from urllib.parse import unquote

import structlog

from callstream.contracts import call_commands as cmd
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.on_control import OnControl
from callstream_media_gateway.app.phone_dials import PhoneDials
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.app.whom import whom
from callstream_media_gateway.app.workplaces import Workplaces
from callstream_media_gateway.domain.inputs import Input
from callstream_media_gateway.domain.sip_status import status_for_phone
from callstream_media_gateway.domain.situation import leg_of
from callstream_media_gateway.sip.errors import CallOverError, NotAcceptableError, ParseError
from callstream_media_gateway.sip.handler import WEB
from callstream_media_gateway.sip.incoming_call import IncomingCall

log = structlog.get_logger(__name__)


class OnPhoneCall:
    """Call it with an INVITE whose sender has proved to be this user of this tenant."""

    def __init__(
        self,
        switchboard: Switchboard,
        configuration: Configuration,
        phones: Phones,
        media: MediaSide,
        on_control: OnControl,
        dials: PhoneDials,
        workplaces: Workplaces,
        rtp_timeout_ms: int,
    ) -> None:
        self._switchboard, self._configuration, self._phones = switchboard, configuration, phones
        self._media, self._on_control, self._dials, self._rtp_timeout_ms = media, on_control, dials, rtp_timeout_ms
        self._workplaces = workplaces
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, incoming: IncomingCall, tenant: str, sip_user: str) -> None:
        if incoming.max_forwards == 0:
            self._refuse(incoming, 483)
            return
        task = asyncio.create_task(self._serve(incoming, tenant, sip_user))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, incoming: IncomingCall, tenant: str, sip_user: str) -> None:
        try:
            await self._begin(incoming, tenant, sip_user)
        except Refusal as refused:
            log.info("a phone's call is refused", tenant=tenant, sip_user=sip_user, reason=refused.reason, message=str(refused))
            self._refuse(incoming, status_for_phone(refused.reason))
        except Exception:
            log.exception("a phone's call is not served", tenant=tenant, sip_user=sip_user)
            self._refuse(incoming, 500)
        else:
            metrics.phone_calls.labels("200").inc()

    async def _begin(self, incoming: IncomingCall, tenant: str, sip_user: str) -> None:
        try:
            typed = unquote(incoming.request_uri.user or "")
        except ParseError as error:
            raise Refusal(Reason.INVALID, str(error), "number") from error
        if not typed:
            raise Refusal(Reason.INVALID, "nobody is called", "number")
        if not self._media.ready:
            raise Refusal(Reason.UNAVAILABLE, "the media worker is away")
        target, number = await self._whom(tenant, typed)
        live, agent_id = self._talk_of(incoming, tenant, self._phones.agent_of(tenant, sip_user) or "")
        if live is None:
            agent_id = agent_id or await self._workplaces.agent_at(tenant, sip_user)
            if not agent_id:
                raise Refusal(Reason.NOT_SIGNED_IN, "nobody is signed in at this workplace")
            await self._dials.begin(tenant, agent_id, target, number, lambda leg_id: self._leg(incoming, leg_id))
            return
        if incoming.is_over:
            return
        leg = self._leg(incoming, f"{live.call.call_id}-p{token_hex(4)}")
        asked = cmd.Consult(
            command_id="",
            call_id=live.call.call_id,
            agent_id=agent_id,
            actor=agent_id,
            target_agent_id=target,
            number=number,
        )
        await self._consult(live, leg, asked)

    async def _whom(self, tenant: str, typed: str) -> tuple[str, str]:
        """As `whom`, and who sits at a workplace by its extension. Raises Refusal."""
        if self._phones.agent_of(tenant, typed) != "":
            return whom(self._configuration, tenant, typed)
        target = await self._workplaces.agent_at(tenant, typed)
        if not target:
            raise Refusal(Reason.AGENT_UNREACHABLE, "nobody is signed in at that workplace", "number")
        return target, ""

    async def _consult(self, live: LiveCall, leg: PhoneCallLeg, asked: cmd.Consult) -> None:
        def feed(given: Input) -> None:
            self._switchboard.feed(live, given)

        leg.attach(feed)
        live.phones[leg.leg_id] = leg
        try:
            await self._on_control.consult(asked, "", leg)
        except BaseException:
            del live.phones[leg.leg_id]
            raise

    def _talk_of(self, incoming: IncomingCall, tenant: str, agent_id: str) -> tuple[LiveCall | None, str]:
        """The call that the phone's agent is in, and who that is. At a workplace it is whoever talks on this phone."""
        for live in self._switchboard.calls.values():
            if live.call.tenant != tenant:
                continue
            if agent_id and leg_of(live.call, agent_id) is not None:
                return live, agent_id
            for leg_id, phone in live.phones.items() if not agent_id else ():
                leg = live.call.legs.get(leg_id)
                if leg is not None and leg.agent_id and phone.dialog is not None and phone.dialog.source == incoming.source:
                    return live, leg.agent_id
        return None, agent_id

    def _leg(self, incoming: IncomingCall, leg_id: str) -> PhoneCallLeg:
        try:
            browser = incoming.source.transport in WEB
            session = SdpSession(self._media.rtp_host, incoming.offer, fingerprint=self._media.fingerprint, browser=browser)
        except NotAcceptableError as error:
            raise Refusal(Reason.NO_COMMON_CODEC, str(error)) from error
        return PhoneCallLeg(leg_id, incoming, session, self._media, self._rtp_timeout_ms)

    def _refuse(self, incoming: IncomingCall, status: int) -> None:
        metrics.phone_calls.labels(str(status)).inc()
        try:
            incoming.reject(status)
        except CallOverError:
            log.info("a phone has given up before it was refused", status=status)
