"""Outside numbers: may it be dialled, with which caller id, through which trunks; and the leg that rings it.

For an agent's dial, a consultation or a transfer to an outside number: `prepare` when the command comes (it refuses), `leg` when
the leg is opened. For an agent who answers on a mobile: `to_mobile` (it refuses too), then `leg`.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from callstream.contracts.lines import Number
from callstream.contracts.roles import Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.dialog_events import Feed
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.trunk_leg import TrunkLeg
from callstream_media_gateway.app.trunks import Trunks
from callstream_media_gateway.domain.callee import Callee, CalleeKind, callee
from callstream_media_gateway.domain.caller_id import (
    Choice,
    ChosenBy,
    choose_any,
    choose_caller_id,
    choose_marked,
    choose_of_group,
    may_show,
)
from callstream_media_gateway.domain.dial_guard import Dialler, Recent, may_dial, refusal
from callstream_media_gateway.domain.regions import RegionTable
from callstream_media_gateway.domain.window import Window
from callstream_media_gateway.sip.user_agent import UserAgent

MINUTE_S = 60.0


class Prepared(Struct, frozen=True):
    """A leg that may be rung. `callee`: E.164, or a short number of the country; `region`: its home, or empty.

    `choice`: the number that is shown, by what it was chosen, and from which.
    """

    tenant: str
    agent_id: str
    callee: str
    region: str
    choice: Choice


Refused = Callable[[str, str, str, str, Refusal], None]
"""Tenant, agent, number as typed, wish, why."""


class DialOut:
    """`refused` is told of every refusal of `prepare`. Limits count what this process has seen: each gateway keeps its own."""

    def __init__(
        self,
        configuration: Configuration,
        trunks: Trunks,
        regions: RegionTable,
        user_agent: UserAgent,
        media: MediaSide,
        rtp_timeout_ms: int,
        refused: Refused,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._configuration, self._trunks, self._regions = configuration, trunks, regions
        self._user_agent, self._media, self._rtp_timeout_ms = user_agent, media, rtp_timeout_ms
        self._clock, self._chance, self._refused = clock, chance, refused
        self._dials: defaultdict[tuple[str, str], Window] = defaultdict(lambda: Window(MINUTE_S))

    def prepare(
        self,
        tenant: str,
        agent_id: str,
        typed: str,
        *,
        wish: str = "",
        role: Role = Role.AGENT,
        transfer_out: bool = False,
        group_id: str = "",
    ) -> Prepared:
        """Check an agent's dial of `typed` and choose its caller id; it counts as one dial from here on.

        wish: a caller id chosen by hand (F143). transfer_out: for a customer's transfer, which shows the number marked for
        that (F020) before all others. group_id: of a callback, which shows a number of that group (F145), else any: nobody is
        there to choose. Raises Refusal: `unknown-agent`; field `number`: `invalid`, `forbidden` (destination), `at-capacity`
        (rate and concurrency); field `caller_id`: `forbidden`, `invalid`; `no-trunk`.
        """
        with self._telling(tenant, agent_id, typed, wish):
            dialler, called = self._checked(tenant, agent_id, typed, role, self._recent(tenant, agent_id))
            numbers = self._numbers(tenant)
            marked = choose_marked(numbers, ChosenBy.TRANSFER_OUT, self._chance) if transfer_out and not wish else None
            marked = marked or (choose_of_group(dialler, group_id, numbers, self._chance) if group_id else None)
            choice = marked or self._choice(tenant, dialler, called, numbers, wish)
        self._note(tenant, agent_id, called)
        metrics.dials.labels("allowed").inc()
        return Prepared(tenant, agent_id, called.number, self._home(called), choice)

    def to_mobile(self, tenant: str, agent_id: str, mobile: str) -> Prepared:
        """A leg to the agent's own mobile (F034, F061, F141). It is no dial of theirs and no limit holds it up, but a mobile
        that is bound somewhere expensive is rung as little as it is dialled. Raises Refusal as `prepare`."""
        with self._telling(tenant, agent_id, mobile, ""):
            _, called = self._checked(tenant, agent_id, mobile, Role.AGENT, Recent())
            numbers = self._numbers(tenant)
        choice = choose_marked(numbers, ChosenBy.MOBILE_LEG, self._chance) or choose_any(numbers, self._chance)
        return Prepared(tenant, "", called.number, self._home(called), choice)

    def leg(self, prepared: Prepared, leg_id: str, feed: Feed, hops: int = 70) -> TrunkLeg:
        """The SIP side of the leg: as PhoneLeg, and trunks are tried one after another. hops: Max-Forwards of its INVITEs."""
        ways = self._trunks.ways(prepared.tenant, prepared.choice.number, prepared.callee, prepared.agent_id)
        return TrunkLeg(leg_id, ways, self._trunks, self._user_agent, self._media, self._rtp_timeout_ms, feed, hops)

    @contextmanager
    def _telling(self, tenant: str, agent_id: str, typed: str, wish: str) -> Iterator[None]:
        try:
            yield
        except Refusal as error:
            metrics.dials.labels(error.reason).inc()
            self._refused(tenant, agent_id, typed, wish, error)
            raise

    def _checked(self, tenant: str, agent_id: str, typed: str, role: Role, recent: Recent) -> tuple[Dialler, Callee]:
        agent, settings = self._configuration.agent(tenant, agent_id), self._configuration.settings(tenant)
        if agent is None:
            raise Refusal(Reason.UNKNOWN_AGENT, "no such agent", "agent_id")
        dialler, called = Dialler(agent_id, agent.groups, role), callee(typed, settings.country)
        why = may_dial(settings.dial_guard, dialler, called, settings.country, recent)
        if why is not None:
            metrics.dials_forbidden.labels(why).inc()
            raise refusal(why)
        return dialler, called

    def _numbers(self, tenant: str) -> list[Number]:
        numbers = self._trunks.showable(tenant)
        if not numbers:
            raise Refusal(Reason.NO_TRUNK, "no trunk takes calls of any of the company's numbers")
        return numbers

    def _choice(self, tenant: str, dialler: Dialler, called: Callee, numbers: list[Number], wish: str) -> Choice:
        """An emergency call leaves whatever the agent may show."""
        if called.kind is CalleeKind.EMERGENCY:
            return choose_any([number for number in numbers if may_show(number, dialler)] or numbers, self._chance)
        policy, home = self._configuration.settings(tenant).caller_id, self._regions.home_of(called.number)
        return choose_caller_id(dialler, home, numbers, policy, wish, self._regions.home_of, self._chance)

    def _home(self, called: Callee) -> str:
        return str(self._regions.home_of(called.number) or "")

    def _recent(self, tenant: str, agent_id: str) -> Recent:
        now = self._clock()
        return Recent(
            agent_at_once=self._trunks.at_once(tenant, agent_id),
            agent_dials=self._dials[tenant, agent_id].count(now),
            tenant_at_once=self._trunks.at_once(tenant),
            tenant_dials=self._dials[tenant, ""].count(now),
        )

    def _note(self, tenant: str, agent_id: str, called: Callee) -> None:
        """An emergency call takes nothing from what the others may."""
        if called.kind is not CalleeKind.EMERGENCY:
            for whose in (agent_id, ""):
                self._dials[tenant, whose].note(self._clock())
