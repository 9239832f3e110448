"""The toll-fraud guard: may this agent dial this number now? Pure; the destination first, then the limits."""

from enum import StrEnum

from msgspec import Struct

from callstream.contracts.outbound import DialGuard, DialRule, Emergency
from callstream.contracts.roles import Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.callee import Callee, CalleeKind


class Forbidden(StrEnum):
    """Why a number may not be dialled."""

    EMERGENCY = "emergency"
    CLOSED = "closed"
    INTERNATIONAL = "international"
    PREMIUM = "premium"
    AGENT_AT_ONCE = "agent-at-once"
    AGENT_RATE = "agent-rate"
    TENANT_AT_ONCE = "tenant-at-once"
    TENANT_RATE = "tenant-rate"


WORDS = {
    Forbidden.EMERGENCY: "emergency numbers may not be dialled here",
    Forbidden.CLOSED: "this destination is closed",
    Forbidden.INTERNATIONAL: "this country is not open to the agent",
    Forbidden.PREMIUM: "premium-rate numbers are not open to the agent",
    Forbidden.AGENT_AT_ONCE: "the agent has as many outside legs as they may",
    Forbidden.AGENT_RATE: "the agent has dialled too often within a minute",
    Forbidden.TENANT_AT_ONCE: "as many outside legs go on as the tenant may have",
    Forbidden.TENANT_RATE: "the tenant's agents have dialled too often within a minute",
}
LIMITS = frozenset({Forbidden.AGENT_AT_ONCE, Forbidden.AGENT_RATE, Forbidden.TENANT_AT_ONCE, Forbidden.TENANT_RATE})


class Dialler(Struct, frozen=True):
    """Who dials."""

    agent_id: str
    groups: tuple[str, ...] = ()
    role: Role = Role.AGENT


class Recent(Struct, frozen=True):
    """Legs to outside numbers that go on now, and dials of the last minute: the agent's, and all of the tenant."""

    agent_at_once: int = 0
    agent_dials: int = 0
    tenant_at_once: int = 0
    tenant_dials: int = 0


def may_dial(guard: DialGuard, dialler: Dialler, callee: Callee, country: str, recent: Recent) -> Forbidden | None:
    """None: go ahead. `country`: the tenant's own. An emergency call is never held up by a limit."""
    if callee.kind is CalleeKind.EMERGENCY:
        return Forbidden.EMERGENCY if guard.emergency is Emergency.REFUSE else None
    return _destination(guard, dialler, callee, country) or _limit(guard, recent)


def refusal(why: Forbidden) -> Refusal:
    """As commands tell it."""
    return Refusal(Reason.AT_CAPACITY if why in LIMITS else Reason.FORBIDDEN, WORDS[why], "number")


def _destination(guard: DialGuard, dialler: Dialler, callee: Callee, country: str) -> Forbidden | None:
    if callee.number.startswith(guard.closed):
        return Forbidden.CLOSED
    opened = [rule for rule in guard.rules if _is_for(rule, dialler) and _covers(rule, callee, country)]
    if callee.country != country and not opened:
        return Forbidden.INTERNATIONAL
    if callee.kind is CalleeKind.PREMIUM and not any(rule.premium for rule in opened):
        return Forbidden.PREMIUM
    return None


def _is_for(rule: DialRule, dialler: Dialler) -> bool:
    if not rule.roles and not rule.groups:
        return True
    return dialler.role in rule.roles or any(group in rule.groups for group in dialler.groups)


def _covers(rule: DialRule, callee: Callee, country: str) -> bool:
    """A rule that names no destination is about the tenant's own country."""
    if not rule.countries and not rule.prefixes:
        return callee.country == country
    return callee.country in rule.countries or callee.number.startswith(rule.prefixes)


def _limit(guard: DialGuard, recent: Recent) -> Forbidden | None:
    table = (
        (guard.agent_at_once, recent.agent_at_once, Forbidden.AGENT_AT_ONCE),
        (guard.agent_per_minute, recent.agent_dials, Forbidden.AGENT_RATE),
        (guard.tenant_at_once, recent.tenant_at_once, Forbidden.TENANT_AT_ONCE),
        (guard.tenant_per_minute, recent.tenant_dials, Forbidden.TENANT_RATE),
    )
    return next((why for most, now, why in table if most and now >= most), None)
