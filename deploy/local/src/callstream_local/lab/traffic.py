"""What happens to a call centre whatever its policy: who calls, how patient they are, how long they talk, when agents work.

Both policies of a comparison meet the same `Workload`: common random numbers, so that only the policy makes the difference.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from callstream.contracts.envelope import Event
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState


class RingEnd(StrEnum):
    """What becomes of an offer that rings."""

    ANSWERED = "answered"
    SILENT = "silent"
    """Nobody picks up: it rings until its deadline."""
    FAILED = "failed"
    """The phone cannot be rung, or says no."""


class Ring(msgspec.Struct, frozen=True):
    """One offer's ringing: seconds until it ends in itself, and how."""

    seconds: float
    how: RingEnd = RingEnd.ANSWERED


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One request for an agent with everything that chance has decided about it. Durations in seconds."""

    at: datetime
    asked: AgentRequested
    patience_s: float
    """Wait after which the caller leaves; infinite: never."""
    talk_s: float
    wrap_s: float | None
    """When the agent ends wrap-up themselves; None: they leave it to the timer."""
    rings: tuple[Ring, ...]
    """What its first, second, … offer meets; the last one counts for all further ones."""


class PlanStep(msgspec.Struct, frozen=True):
    """An agent wants to be in `state` from `at` on; None takes an earlier wish back."""

    at: datetime
    state: AgentState | None


class Outside(msgspec.Struct, frozen=True):
    """An event that no policy brings about, but that routing takes into account."""

    at: datetime
    aggregate_id: str
    event: Event


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """Contacts by time, and each agent's plan by time. Measured is what arrives in [begin, end)."""

    begin: datetime
    end: datetime
    contacts: tuple[Contact, ...]
    plans: dict[str, tuple[PlanStep, ...]]
    outside: tuple[Outside, ...] = ()
    """By time."""
    break_s: float = 60.0
    """How long an agent stays in a break that the missed-offer policy has set, at most."""
