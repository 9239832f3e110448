"""What a call was like for the one who made it, and for the one whose phone rang."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callstream_local.phones.ear import Heard


class Ending(StrEnum):
    """How a call ended, seen from this phone."""

    OPEN = "open"
    """It has not."""
    HUNG_UP = "hung-up"
    """This phone hung up an answered call."""
    PEER_HUNG_UP = "peer-hung-up"
    CANCELLED = "cancelled"
    """The caller's side gave up before the answer."""
    REFUSED = "refused"
    """With a status: by this phone, or for a caller by the other side."""
    LOST = "lost"
    """The dialog ended without a BYE."""
    GAVE_UP = "gave-up"
    """Nothing happened for so long that this phone hung up. Never right."""


@dataclass(slots=True)
class CallerStory:
    """One call as its caller saw and heard it. Moments are aware UTC."""

    caller: str
    tone_hz: int
    placed_at: datetime
    answered_at: datetime | None = None
    keys: str = ""
    """What was really pressed, in order."""
    prompts_ms: int = 0
    """Sound heard before the talk."""
    heard: Heard = field(default_factory=Heard)
    """The tone of whoever talked to the caller."""
    ending: Ending = Ending.OPEN
    sip_status: int = 0
    """Of a call that was refused."""
    ended_at: datetime | None = None


@dataclass(slots=True)
class OfferStory:
    """One INVITE as the agent's phone saw and heard it. Moments are aware UTC."""

    user: str
    tone_hz: int
    caller: str
    """The number on the phone's display."""
    rang_at: datetime
    while_busy: bool = False
    """It came during another call of the same phone. Never right."""
    answered_at: datetime | None = None
    heard: Heard = field(default_factory=Heard)
    ending: Ending = Ending.OPEN
    ended_at: datetime | None = None
