"""What is killed, and what may come of it."""

from dataclasses import dataclass

from callstream.kernel.outcomes import Reason


@dataclass(frozen=True, slots=True)
class Part:
    """One run of calls with one kill in the middle.

    kills: killed at the same moment. ends: the reasons with which calls of that moment may end; empty: every call goes on as if
    nothing had happened. gap_ms: the longest pause that anybody may hear in their audio; None: not judged.
    """

    name: str
    group: str
    what: str
    kills: tuple[str, ...]
    ends: frozenset[Reason] = frozenset()
    gap_ms: float | None = None


AUDIBLE_MS = 60.0
"""Three packets: what jitter buffers hide."""

PARTS = (
    Part("signalling", "media", "kill -9 of signalling; audio and calls go on", ("media-gateway",), gap_ms=AUDIBLE_MS),
    Part(
        "worker",
        "media",
        "kill -9 of the media worker; its calls end, their recordings are kept",
        ("media-worker",),
        frozenset({Reason.MEDIA_FAILED}),
    ),
    Part(
        "gateway",
        "media",
        "kill -9 of signalling and media worker together",
        ("media-gateway", "media-worker"),
        frozenset({Reason.GATEWAY_LOST, Reason.MEDIA_FAILED}),
    ),
    Part("ivr", "services", "kill -9 of ivr", ("ivr",), gap_ms=AUDIBLE_MS),
    Part("routing", "services", "kill -9 of routing", ("routing",), gap_ms=AUDIBLE_MS),
    Part("agent-state", "services", "kill -9 of agent-state", ("agent-state",), gap_ms=AUDIBLE_MS),
    Part("reporting", "services", "kill -9 of reporting", ("reporting",), gap_ms=AUDIBLE_MS),
    Part("broker", "services", "kill -9 of the event log's broker", ("nats",), gap_ms=AUDIBLE_MS),
)


def chosen(only: str | None) -> list[Part]:
    """All parts, those of a group, or the one of that name."""
    return [part for part in PARTS if only in (None, part.name, part.group)]
