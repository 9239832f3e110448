"""Bodies of what agents do to their calls."""

from typing import Annotated

import msgspec

from callstream.contracts.scalars import Token
from callstream_console.domain.manifest import Strict

TypedNumber = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
"""As a person types it; the gateway brings it to E.164."""


class DialBody(Strict, frozen=True, kw_only=True):
    """Body of POST /v1/calls."""

    number: TypedNumber
    caller_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """A number of the company's (F143); empty: chosen by the tenant's policy."""
    agent_id: Token | None = None
    """Whose phone rings, when a business system dials for them (F138); None: the token's own agent."""


class Colleague(Strict, frozen=True, kw_only=True):
    """Body of POST /v1/calls/internal."""

    agent_id: Token


class Consultation(Strict, frozen=True, kw_only=True):
    """Body of consult: one of the two."""

    agent_id: Token | None = None
    number: TypedNumber | None = None


class Handover(Strict, frozen=True, kw_only=True):
    """Body of transfer: one of the three."""

    agent_id: Token | None = None
    group_id: Token | None = None
    number: TypedNumber | None = None


class Digits(Strict, frozen=True, kw_only=True):
    """Body of digits."""

    digits: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#A-D]{1,32}$")]


class Play(Strict, frozen=True, kw_only=True):
    """Body of play: one of audio and text."""

    audio_id: Token | None = None
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    voice: Annotated[str, msgspec.Meta(max_length=32)] = ""


class RunFlow(Strict, frozen=True, kw_only=True):
    """Body of flow: a published version."""

    flow_id: Token
    flow_version: Annotated[int, msgspec.Meta(ge=1)]


class Collect(Strict, frozen=True, kw_only=True):
    """Body of collect."""

    template_id: Token


class Grievance(Strict, frozen=True, kw_only=True):
    """Body of blacklist (F031)."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
