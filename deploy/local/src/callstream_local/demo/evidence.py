"""Everything that is known about a run, from three sides that know nothing of each other: phones, event log, reports."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from callstream.contracts.envelope import Recorded
from callstream_local.phones.ear import Heard
from callstream_local.phones.stories import CallerStory, OfferStory


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A service record as reporting's HTTP gives it (F227)."""

    call_id: str
    arrived_at: datetime
    caller: str
    called: str
    call_type: str = "inbound"
    access_status: str | None = None
    reason: str | None = None
    wait_ms: int | None = None
    talk_ms: int | None = None
    agent_id: str | None = None
    group_id: str | None = None
    hang_up_party: str | None = None
    ended_at: datetime | None = None
    recording_id: str | None = None
    recording_path: str | None = None
    recording_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingHeard:
    """What a recording holds: customer left, agent right. `problem` when it cannot be downloaded or decoded."""

    left: Heard = field(default_factory=Heard)
    right: Heard = field(default_factory=Heard)
    problem: str = ""


@dataclass(slots=True)
class Evidence:
    """What is to be compared. `agents`: state by id, as agent-state tells it after the wrap-up of the last call."""

    callers: list[CallerStory] = field(default_factory=list)
    offers: list[OfferStory] = field(default_factory=list)
    events: list[Recorded] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    recordings: dict[str, RecordingHeard] = field(default_factory=dict)
    """By call id."""
    agents: dict[str, str] = field(default_factory=dict)
    agent_of_tone: dict[int, str] = field(default_factory=dict)
    group_of_key: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    """From the first call placed to the last one over."""
