"""A trunk brings a call: decide at once whether it may come in, and hold nothing for one that may not."""

import time
from collections import defaultdict
from collections.abc import Callable
from secrets import randbits

import structlog

from callstream.contracts.call_events import CallArrived, CallBlocked
from callstream.contracts.lines import Number, Trunk
from callstream.kernel.clock import Clock
from callstream.kernel.ids import ulid
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.caller_leg import RETRY_AFTER, CallerLeg
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.outbox import LogHealth
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain.admission import Admitted, Peers, admit
from callstream_media_gateway.domain.regions import RegionTable
from callstream_media_gateway.domain.sip_status import status_of
from callstream_media_gateway.domain.window import Window
from callstream_media_gateway.sip.errors import NotAcceptableError, ParseError
from callstream_media_gateway.sip.handler import WEB
from callstream_media_gateway.sip.incoming_call import IncomingCall

log = structlog.get_logger(__name__)


class OnInvite:
    """`draining` is switched on when no new calls are taken."""

    def __init__(
        self,
        switchboard: Switchboard,
        configuration: Configuration,
        media: MediaSide,
        health: LogHealth,
        clock: Clock,
        instance: str,
        rtp_timeout_ms: int,
        regions: RegionTable,
    ) -> None:
        self.draining = False
        self._regions = regions
        self.seconds: Callable[[], float] = time.monotonic
        self._pace: defaultdict[tuple[str, str], Window] = defaultdict(lambda: Window(1.0))
        self._switchboard, self._configuration, self._media, self._health = switchboard, configuration, media, health
        self._clock, self._instance, self._rtp_timeout_ms = clock, instance, rtp_timeout_ms
        self._peers = self._read_peers()
        configuration.on_change.append(self._changed)

    def may_invite(self, address: str) -> bool:
        """Whether an INVITE from this address is looked at at all; strangers are counted."""
        if self._peers.of(address):
            return True
        metrics.calls_refused.labels(Reason.UNKNOWN_PEER).inc()
        return False

    def __call__(self, incoming: IncomingCall) -> None:
        if incoming.max_forwards == 0:  # it could go nowhere from here, and has most likely been here before
            metrics.calls_refused.labels(Reason.INVALID).inc()
            incoming.reject(483)
            return
        reason = self._take(incoming)
        if reason is not None:
            metrics.calls_refused.labels(reason).inc()
            status = 400 if reason is Reason.INVALID else status_of(reason)
            incoming.reject(status, headers=RETRY_AFTER if status == 503 else ())

    def read_configuration(self) -> None:
        """Take the trunks as they are now."""
        self._peers = self._read_peers()

    def _take(self, incoming: IncomingCall) -> Reason | None:
        if self.draining:
            return Reason.DRAINING
        if not self._health.available or not self._media.ready:
            return Reason.UNAVAILABLE
        try:
            called, caller = incoming.request_uri.user or "", incoming.from_.uri.user or ""
            to = incoming.to.uri.user or ""
        except ParseError:
            return Reason.INVALID
        trunks = self._peers.of(incoming.source.host)
        admitted = admit(trunks, called, to, caller, self._number, self._is_full)
        if isinstance(admitted, Reason):
            return admitted
        if self._configuration.blocked(admitted.tenant, admitted.caller) is not None:
            self._record_blocked(admitted, incoming.call_id)
            return Reason.BLACKLISTED
        try:
            browser = incoming.source.transport in WEB  # who offers nothing gets the offer that suits it
            session = SdpSession(self._media.rtp_host, incoming.offer, fingerprint=self._media.fingerprint, browser=browser)
        except NotAcceptableError as error:
            log.info("an offer cannot be answered", trunk=admitted.trunk, error=str(error))
            return Reason.NO_COMMON_CODEC
        call_id = ulid(self._clock.now(), randbits(80))
        leg_id = f"{call_id}-c"
        arrived = CallArrived(
            caller=admitted.caller,
            called=admitted.called,
            trunk=admitted.trunk,
            gateway=self._instance,
            leg_id=leg_id,
            sip_call_id=incoming.call_id,
            region=str(self._regions.home_of(admitted.caller) or ""),
        )
        self._pace[admitted.tenant, admitted.trunk].note(self.seconds())
        caller_leg = CallerLeg(leg_id, incoming, session, self._media, self._rtp_timeout_ms)
        self._switchboard.begin(call_id, admitted.tenant, arrived, caller_leg)
        return None

    def _record_blocked(self, admitted: Admitted, sip_call_id: str) -> None:
        """One event, apart from all calls: nobody waits for it, and there is nothing that could go on (F129)."""
        blocked = CallBlocked(
            caller=admitted.caller,
            called=admitted.called,
            trunk=admitted.trunk,
            gateway=self._instance,
            sip_call_id=sip_call_id,
        )
        self._switchboard.record_alone(ulid(self._clock.now(), randbits(80)), admitted.tenant, blocked)

    def _is_full(self, tenant: str, trunk: Trunk) -> bool:
        if self._switchboard.per_trunk[tenant, trunk.id] >= trunk.max_calls:
            return True
        return 0 < trunk.max_calls_per_s <= self._pace[tenant, trunk.id].count(self.seconds())

    def _number(self, tenant: str, e164: str) -> Number | None:
        found = self._configuration.number(e164, tenant)
        return found[1] if found is not None else None

    def _read_peers(self) -> Peers:
        peers = Peers(self._configuration.trunks())
        for tenant, trunk, peer in peers.unusable:
            log.error("trunk with an unusable peer address", tenant=tenant, trunk=trunk, field="peers", value=peer)
        return peers

    def _changed(self, _tenant: str, kind: str, _id: str) -> None:
        if kind == "trunk":
            self.read_configuration()
