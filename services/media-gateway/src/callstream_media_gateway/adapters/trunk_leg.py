"""The SIP side of a leg to an outside number: one INVITE after another, trunk by trunk, until one of them rings."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog
from msgspec import Struct

from callstream.contracts.outbound import Outgoing
from callstream.kernel.outcomes import Reason
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.dialog_events import Feed, listen
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.domain.inputs import HungUp, Input, PhoneAnswered, PhoneRefused, PhoneRings
from callstream_media_gateway.domain.trunk_choice import FAILS_OVER
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.user_agent import UserAgent

log = structlog.get_logger(__name__)

PROGRESS_WITHIN_S = 20.0
"""A trunk that has said no more than 100 for so long does not reach the callee: the next one is tried."""


class Way(Struct, frozen=True):
    """One trunk's way to the callee: what to send, and where."""

    tenant: str
    trunk: str
    outgoing: Outgoing
    target: Uri
    caller: NameAddr
    hop: Hop
    agent_id: str = ""
    """Who dials; empty when nobody does, as for a mobile agent's own leg."""
    credentials: Credentials | None = None


class Place(Struct, frozen=True, array_like=True):
    """One of a trunk's places that a call has, whoever made the call."""

    tenant: str
    trunk: str
    agent_id: str


class TrunkBook(Protocol):
    """Who keeps count of the trunks' calls and health (app/trunks.py)."""

    def take(self, way: Way) -> bool:
        """Take one of the trunk's places; False when it cannot take a call now."""

    def give_back(self, way: Way) -> None:
        """The call that took it is over."""

    def failed(self, way: Way, message: str) -> None:
        """The trunk said nothing at all. A failure that it has answered is that call's: it may do well for others."""

    def answered(self, way: Way) -> None:
        """The trunk lives."""


class TrunkLeg:
    """Serves in the place of a PhoneLeg, for an outside number.

    `ways`: the trunks to try, in order; each is asked for a place only when its turn has come. A trunk that answers with a
    failure of its own before any ringing, cannot be reached, or says nothing for its `answer_within_s` is left for the next.
    The callee's own no (busy, declined, unknown) ends the leg. Without a trunk left: PhoneRefused with `no-trunk` when none
    could be asked, `trunks-failed` and the last status otherwise.

    `trunk`: the trunk that the leg went through last, empty before the first INVITE. With early media (18x with SDP) the
    worker knows the far end before PhoneRings is fed.
    """

    def __init__(
        self,
        leg_id: str,
        ways: list[Way],
        book: TrunkBook,
        user_agent: UserAgent,
        media: MediaSide,
        rtp_timeout_ms: int,
        feed: Feed,
        max_forwards: int = 70,
    ) -> None:
        self.leg_id = leg_id
        self._max_forwards = max_forwards
        self.session = SdpSession(media.rtp_host, None)
        self.trunk = ""
        self._ways: Iterator[Way] = iter(ways)
        self._book, self._user_agent, self._media, self._rtp_timeout_ms = book, user_agent, media, rtp_timeout_ms
        self._feed = feed
        self._way: Way | None = None
        self._calling: OutgoingCall | None = None
        self.dialog: Dialog | None = None
        self._rings = self._over = False
        self._status = 0
        self._patience: asyncio.TimerHandle | None = None

    @property
    def place(self) -> Place | None:
        """The trunk's place that it has."""
        way = self._way
        return Place(way.tenant, way.trunk, way.agent_id) if way is not None else None

    @property
    def calling(self) -> OutgoingCall | None:
        """The newest INVITE, once one was sent."""
        return self._calling

    def invite(self) -> None:
        """INVITE through the first trunk that has a place."""
        for way in self._ways:
            if self._book.take(way):
                self._way, self.trunk = way, way.trunk
                self._try(way)
                return
        reason = Reason.TRUNKS_FAILED if self._status else Reason.NO_TRUNK
        self._end(PhoneRefused(leg_id=self.leg_id, sip_status=self._status or 503, reason=reason))

    def hang_up(self) -> None:
        """CANCEL before the answer, BYE after it."""
        self._over = True
        if self.dialog is not None:
            self._leave("")
            self.dialog.bye()
        elif self._calling is not None:
            self._calling.cancel()

    def watch(self) -> None:
        """Tell the worker what was agreed, and from when on silence counts."""
        self._media.tell(self.session.update(self.leg_id, self._rtp_timeout_ms))

    def _try(self, way: Way) -> None:
        calling = self._calling = self._user_agent.invite(
            way.target,
            from_=way.caller,
            sdp=self.session.local,
            next_hop=way.hop,
            credentials=way.credentials,
            max_forwards=self._max_forwards,
        )
        calling.on_ringing = self._on_ringing
        calling.on_failed = self._on_failed
        calling.on_answered = self._on_answered
        self._wait(way.outgoing.answer_within_s, self._unanswered)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._patience = asyncio.get_running_loop().call_later(seconds, then)

    def _unanswered(self) -> None:
        """No final answer and no ringing yet. A trunk that has said 100 gets some more time."""
        calling = self._calling
        if calling is None or self._rings or self._over:
            return
        if calling.state != "calling":
            self._wait(PROGRESS_WITHIN_S, lambda: self._give_up_way("no progress"))
            return
        if self._way is not None:
            self._book.failed(self._way, "no response")
        self._give_up_way("no response")

    def _give_up_way(self, why: str) -> None:
        calling, way = self._calling, self._way
        if calling is None or way is None or self._rings or self._over:
            return
        log.warning("trunk failed", tenant=way.tenant, trunk=way.trunk, reason=why)
        calling.on_ringing = calling.on_answered = calling.on_failed = _unheard
        calling.cancel()
        self._status = 408
        self._leave("failed-over")
        self.invite()

    def _on_ringing(self, _code: int, sdp: SessionDescription | None) -> None:
        self._rings = True
        self._forget_patience()
        self._feed(PhoneRings(leg_id=self.leg_id, early=self._hear_early(sdp), trunk=self.trunk))

    def _hear_early(self, sdp: SessionDescription | None) -> bool:
        """Ring tone or announcement of the far end; the 2xx says again what counts."""
        if sdp is None:
            return False
        try:
            self.session.answered(sdp)
        except NotAcceptableError:
            return False
        self._media.tell(self.session.update(self.leg_id, 0))
        return True

    def _on_failed(self, code: int, reason: str) -> None:
        way = self._way
        if way is not None and code in FAILS_OVER and not self._rings and not self._over:
            log.warning("trunk failed", tenant=way.tenant, trunk=way.trunk, status=code, reason=reason)
            self._status = code
            self._leave("failed-over")
            self.invite()
            return
        if way is not None and not self._over:
            self._book.answered(way)
        self._end(PhoneRefused(leg_id=self.leg_id, sip_status=code))

    def _on_answered(self, dialog: Dialog, sdp: SessionDescription) -> None:
        """The user agent has made sure that the answer fits our offer."""
        self.dialog = dialog
        self._forget_patience()
        if self._way is not None:
            self._book.answered(self._way)
        metrics.trunk_attempts.labels("answered").inc()
        self.session.answered(sdp)
        listen(dialog, self.leg_id, self.session, self._hear, self.watch)
        self._feed(PhoneAnswered(leg_id=self.leg_id))

    def _hear(self, given: Input) -> None:
        if isinstance(given, HungUp):
            self._leave("")
        self._feed(given)

    def _end(self, last: PhoneRefused) -> None:
        self._leave("refused")
        self._feed(last)

    def _leave(self, outcome: str) -> None:
        """Give the trunk's place back, once. `outcome`: of the attempt, when it had no answer."""
        self._forget_patience()
        way, self._way = self._way, None
        if way is not None:
            self._book.give_back(way)
            if outcome:
                metrics.trunk_attempts.labels(outcome).inc()

    def _forget_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _unheard(*_: object) -> None:
    """An attempt that was given up: a late 2xx of it is hung up by the user agent."""
