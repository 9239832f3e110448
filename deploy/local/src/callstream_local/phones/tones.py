"""Which tone is whose. All are multiples of 10 Hz, so that 100 ms of one never look like another."""

from collections.abc import Sequence

SPACING_HZ = 10
AGENT_TONES = tuple(range(400, 1000, SPACING_HZ))
CALLER_TONES = tuple(range(1000, 3000, SPACING_HZ))


def agent_tone(index: int) -> int:
    """The tone in Hz of the agent with this number, from 0. Beyond 60 agents tones repeat."""
    return AGENT_TONES[index % len(AGENT_TONES)]


def caller_tone(index: int) -> int:
    """The tone in Hz of the caller with this number, from 0. Beyond 200 callers tones repeat."""
    return CALLER_TONES[index % len(CALLER_TONES)]


ALL_TONES: Sequence[int] = AGENT_TONES + CALLER_TONES
