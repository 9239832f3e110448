"""Parts of the documents that say how calls leave: outgoing trunks, number formats, caller ids, the toll-fraud guard."""

from enum import StrEnum
from typing import Annotated

import msgspec

from callstream.contracts.roles import Role
from callstream.contracts.scalars import E164, Country, Token

Dialled = Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]{0,16}$")]
"""Digits that stand before a number."""
Prefix = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{0,14}$")]
"""The beginning of E.164 numbers."""


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A misspelt field is an error that names it."""


class SipTransport(StrEnum):
    """How requests reach a trunk."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class NumberStyle(StrEnum):
    """How a trunk writes numbers."""

    E164 = "e164"
    """`+862166668888`."""
    DIGITS = "digits"
    """`862166668888`."""
    NATIONAL = "national"
    """As dialled in the trunk's country: `02166668888`, `13900000001`, `0012125550100`."""


class NumberFormat(Strict, frozen=True, kw_only=True):
    """A style, and digits before it: put there in what we send, taken off what we get."""

    style: NumberStyle = NumberStyle.E164
    prefix: Dialled = ""


class NumberReading(Strict, frozen=True, kw_only=True):
    """How to read a number that a trunk sends."""

    style: NumberStyle | None = None
    """None: whichever fits first, national before digits."""
    prefix: Dialled = ""
    """Taken off where it stands; a number without it is read as it is."""


class Outgoing(Strict, frozen=True, kw_only=True):
    """Where and how calls leave through a trunk. Of several trunks the lowest `priority` goes first, within one by `weight`."""

    host: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:\[\]-]{1,253}$")]
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """0: 5060, with TLS 5061."""
    transport: SipTransport = SipTransport.UDP
    domain: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:\[\]-]{0,253}$")] = ""
    """What stands behind the @; empty: the host."""
    priority: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    weight: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    max_calls: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    max_calls_per_s: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """0: any number."""
    answer_within_s: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    """No response at all to an INVITE for so long: the next trunk is tried."""
    options_every_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 30
    """Between two OPTIONS that ask whether the trunk lives; 0: it is held to live."""
    down_after: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2
    """Failures in a row after which no calls are sent there until an OPTIONS is answered."""
    called: NumberFormat = NumberFormat()
    caller: NumberFormat = NumberFormat()
    callers: tuple[E164, ...] = ()
    """Caller ids that the trunk takes; empty: every number of the tenant."""


class TrunkRegistration(Strict, frozen=True, kw_only=True):
    """An account at the trunk's registrar. Its password is a credential, kept apart."""

    user: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.+!~*'-]{1,64}$")]
    realm: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    """As the registrar's challenge says: the password is stored as digest secrets of this realm only."""
    expires_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 3600


class Region(Strict, frozen=True, kw_only=True):
    """A home region, in the words of the region table (docs/configuration.md): `Guangdong`, `Shenzhen`."""

    province: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    city: Annotated[str, msgspec.Meta(max_length=40)] = ""


class CallerIdPolicy(StrEnum):
    """Which of the numbers that an agent may use is shown, when they name none (F143 goes before all)."""

    REGION = "region"
    """Same city as the callee, then same province, then any at random (F144, D7)."""
    GROUP = "group"
    """A number of the agent's outbound group, else any at random (F145)."""
    BY_HAND = "by-hand"
    """None: the agent has to name one, unless there is but one (F143)."""


class Emergency(StrEnum):
    """Whether emergency numbers (110, 119, 120, …) may be dialled."""

    ALLOW = "allow"
    """By everybody, outside of all limits."""
    REFUSE = "refuse"


class DialRule(Strict, frozen=True, kw_only=True):
    """Opens destinations to some agents, by role or by group; to all when it names neither."""

    roles: tuple[Role, ...] = ()
    groups: tuple[Token, ...] = ()
    countries: tuple[Country, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    premium: bool = False
    """Premium-rate numbers too, where the destination is open."""


class DialGuard(Strict, frozen=True, kw_only=True):
    """The toll-fraud guard. Numbers of the tenant's own country are open to all agents, other countries and premium rates
    to those of a rule. Limits are kept by each gateway for itself; 0: none."""

    rules: tuple[DialRule, ...] = ()
    closed: tuple[Prefix, ...] = ()
    """Destinations that nobody may dial, before all rules."""
    emergency: Emergency = Emergency.ALLOW
    agent_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20
    agent_at_once: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    """Legs to outside numbers, of one agent."""
    tenant_per_minute: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 600
    tenant_at_once: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1000
