"""What simulated people are going to do. Seconds are after the moment that each line names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A caller: whom they call, what they press, when they have enough.

    keys: pressed one after the other, each when `listen_ms` of sound was heard since the last one (or since the answer).
    leaves_prompt_s: hangs up so long after the answer, whatever happens. patience_s: hangs up so long after the last key
    unless somebody talks. talk_s: hangs up after so much talk; None leaves that to the agent.
    """

    caller: str
    called: str
    tone_hz: int
    after_s: float = 0.0
    keys: tuple[str, ...] = ()
    listen_ms: tuple[int, ...] = ()
    leaves_prompt_s: float | None = None
    patience_s: float | None = None
    talk_s: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answers after `after_s` of ringing; hangs up after `talk_s` of hearing the caller (None: the caller will)."""

    after_s: float = 0.5
    talk_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Says no after `after_s`."""

    after_s: float = 0.3
    status: int = 486


@dataclass(frozen=True, slots=True)
class LetRing:
    """Does nothing until the caller's side gives up."""


Reaction = Answer | Reject | LetRing


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """A desk phone and the person at it. `reactions`: one an offer; the last for ever when they run out."""

    user: str
    password: str
    tone_hz: int
    reactions: tuple[Reaction, ...] = field(default_factory=lambda: (Answer(),))

    def reaction_stream(self) -> Iterator[Reaction]:
        """The reactions, the last one again and again."""
        yield from self.reactions[:-1]
        yield from repeat(self.reactions[-1])
