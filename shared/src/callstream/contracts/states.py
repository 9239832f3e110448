"""Words that several contracts share."""

from enum import StrEnum


class AgentState(StrEnum):
    """States of a voice agent (docs/features.md, appendix 1b)."""

    OFFLINE = "offline"
    IDLE = "idle"
    BUSY_SET = "busy-set"
    BREAK = "break"
    RINGING = "ringing"
    BUSY = "busy"
    WRAP_UP = "wrap-up"


class LegRole(StrEnum):
    """What a leg is to its call."""

    CUSTOMER = "customer"
    AGENT = "agent"


class DistributionRule(StrEnum):
    """How a group picks among its eligible idle agents."""

    LONGEST_IDLE = "longest-idle"


class MissedPolicy(StrEnum):
    """What becomes of an agent who let an offer ring out (decision D2)."""

    STAY_IDLE = "stay-idle"
    BREAK = "break"
    BREAK_AFTER = "break-after"
    """Break after `missed_limit` misses in a row."""


class AfterWrapUp(StrEnum):
    """Where the end of wrap-up leads (decision D3)."""

    PREVIOUS = "previous"
    IDLE = "idle"
