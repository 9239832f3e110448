"""Configuration documents, version 1: what console publishes and every other service holds in memory.

One document is one key of the bucket CONFIG: `<tenant>.<kind>.<id>`. Flows are immutable per version, so that a call can
finish on the version it began with (F116).
"""

from typing import Annotated, ClassVar

import msgspec

from callstream.contracts.states import AfterWrapUp, AgentState, DistributionRule, MissedPolicy

Seconds1To90 = Annotated[int, msgspec.Meta(ge=1, le=90)]
Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""An id that may stand in a subject and in a key."""
E164 = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{1,14}$")]


class Audio(msgspec.Struct, frozen=True, kw_only=True, tag="audio", tag_field="kind", forbid_unknown_fields=True):
    """An uploaded sound, by its id."""

    audio_id: Token


class Speech(msgspec.Struct, frozen=True, kw_only=True, tag="tts", tag_field="kind", forbid_unknown_fields=True):
    """Text to be spoken. May hold `${WaitNo}` and `${StaffNo}` where the place allows it."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    voice: str = ""
    """`en`, `cmn`, or empty: chosen by the text's script."""


Prompt = Audio | Speech


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configuration documents."""

    KIND: ClassVar[str]

    @property
    def key_id(self) -> str:
        """The id under which the document is kept."""
        raise NotImplementedError


class Settings(Document, frozen=True, kw_only=True):
    """A tenant's service settings (F177). One document a tenant, id `main`."""

    KIND: ClassVar[str] = "settings"
    ring_timeout_s: Seconds1To90 = 30
    missed_policy: MissedPolicy = MissedPolicy.STAY_IDLE
    missed_limit: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    auto_idle: bool = True
    """End wrap-up by itself after `wrap_up_s` (F050)."""
    wrap_up_s: Seconds1To90 = 10
    after_wrap_up: AfterWrapUp = AfterWrapUp.PREVIOUS
    default_state: AgentState = AgentState.IDLE
    """State after sign-in: `idle` or `busy-set` (F044)."""
    break_reasons: tuple[str, ...] = ("meal", "meeting", "training")
    time_zone: str = "Asia/Shanghai"

    @property
    def key_id(self) -> str:
        """`main`."""
        return "main"


class SkillGroup(Document, frozen=True, kw_only=True):
    """A skill group, the unit of routing (F118)."""

    KIND: ClassVar[str] = "group"
    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    rule: DistributionRule = DistributionRule.LONGEST_IDLE
    enabled: bool = True

    @property
    def key_id(self) -> str:
        """The group id."""
        return self.id


class Agent(Document, frozen=True, kw_only=True):
    """An agent and the desk phone they answer on. The phone's password is a credential, not a part of this."""

    KIND: ClassVar[str] = "agent"
    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    groups: tuple[Token, ...] = ()
    sip_user: Token
    """User name of the desk phone (F060)."""

    @property
    def key_id(self) -> str:
        """The agent id."""
        return self.id


class Number(Document, frozen=True, kw_only=True):
    """A number of the company and the flow that answers it (F115, F172)."""

    KIND: ClassVar[str] = "number"
    number: E164
    flow_id: Token
    flow_version: int
    trunks: tuple[Token, ...] = ()
    """Trunks it may be called through; empty: all of the tenant's."""

    @property
    def key_id(self) -> str:
        """The number without its plus sign."""
        return self.number.lstrip("+")


class Trunk(Document, frozen=True, kw_only=True):
    """A SIP peer that may bring calls (F175). Calls from any other address are refused with 403."""

    KIND: ClassVar[str] = "trunk"
    id: Token
    peers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """IP addresses or networks in CIDR form."""
    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")] = "CN"
    """How national numbers are read."""
    max_calls: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000

    @property
    def key_id(self) -> str:
        """The trunk id."""
        return self.id


class AudioFile(Document, frozen=True, kw_only=True):
    """A sound that flows may play. The file lies in the prompts store, named by its checksum."""

    KIND: ClassVar[str] = "audio"
    id: Token
    name: str
    path: str
    sha256: str

    @property
    def key_id(self) -> str:
        """The audio id."""
        return self.id


class SipCredential(Document, frozen=True, kw_only=True):
    """Digest secrets of a desk phone (RFC 8760): kept in the bucket CREDENTIALS, which only media-gateway may read."""

    KIND: ClassVar[str] = "sip-credential"
    sip_user: Token
    agent_id: Token
    realm: str
    ha1_md5: str
    ha1_sha256: str

    @property
    def key_id(self) -> str:
        """The user name."""
        return self.sip_user


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a key: the document with the number of its revision."""

    revision: int
    body: msgspec.Raw
