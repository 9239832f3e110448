"""Configuration documents, version 1: what console publishes and every other service holds in memory.

One document is one key of the bucket CONFIG: `<tenant>.<kind>.<id>`. Flows are immutable per version, so that a call can
finish on the version it began with (F116).
"""

from ipaddress import ip_network
from typing import Annotated, ClassVar

import msgspec

from callstream.contracts.outbound import (
    CallerIdPolicy,
    DialGuard,
)
from callstream.contracts.recording_bucket import RecordingBucket
from callstream.contracts.scalars import E164, Country, Token
from callstream.contracts.states import (
    AfterWrapUp,
    AgentState,
    AnswerOnMobile,
    Channel,
    Criterion,
    MissedPolicy,
    Terminal,
)

Seconds1To90 = Annotated[int, msgspec.Meta(ge=1, le=90)]

Level = Annotated[int, msgspec.Meta(ge=0, le=9)]
"""Of agents, groups and customer types: greater goes first."""
Priority = Annotated[int, msgspec.Meta(ge=1, le=5)]
"""Of an agent within a group: 1 goes first (D1)."""
Skills = dict[Token, Annotated[int, msgspec.Meta(ge=1, le=5)]]
"""Skill → level, 5 the best."""
RankBy = tuple[Criterion, ...]

Capacity = dict[Channel, Annotated[int, msgspec.Meta(ge=0, le=100)]]


def _no_voice(capacity: Capacity) -> None:
    if Channel.VOICE in capacity:
        raise ValueError("the limit of channel voice is fixed at 1 and cannot be set (F048)")


def _no_repetition(rank_by: RankBy) -> None:
    for criterion in rank_by:
        if rank_by.count(criterion) > 1:
            raise ValueError(f"rank_by: '{criterion}' stands twice")


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


class Survey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a customer is asked for a rating when the agent has left (F028)."""

    prompts: Annotated[tuple[Prompt, ...], msgspec.Meta(min_length=1)]
    keys: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5
    """Keys 1 to this one are ratings."""
    closing: tuple[Prompt, ...] = ()
    """Said before the end, with a rating or without."""
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 10
    """After the question."""


class Hook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTTP interface of the tenant's. The operator allows its origin, else it is never asked."""

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^@\s]+$", max_length=500)]
    timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=3000)] = 1000
    """The caller waits for so long at most; then things go on without an answer."""


class RecordingPush(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where finished recordings are told to (F203). The operator allows its origin, else nothing is sent."""

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^@\s]+$", max_length=500)]


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
    transfer_prompts: tuple[Prompt, ...] = ()
    """What a customer hears while they are moved to another agent, or past the flow to the one who called them (F132); empty: a
    spoken sentence."""
    stopped_prompts: tuple[Prompt, ...] = ()
    """What a caller hears, before the call ends, whose request a supervisor stops (F211); empty: the call ends at once."""
    survey: Survey | None = None
    """None: agents cannot end a call with one."""
    hold_music: tuple[Prompt, ...] = ()
    """What a held customer hears, over and over (F013); empty: calm tones."""
    session_grace_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 30
    """Silence of a browser session before the agent counts as suspect; the browser is heard every 10 s or so."""
    session_lost_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 60
    """Further silence before the session ends, never during a call."""
    capacity: Capacity = {}
    """Contacts an agent may have at once, by channel (F049); a channel that is not named: none. Voice is fixed at 1 (F048)."""

    rank_by: RankBy = (Criterion.LONGEST_IDLE,)
    """Of groups that name no list of their own (F177)."""
    preferred_agent_hook: Hook | None = None
    """Names the agent to prefer before a call is queued, for transfer nodes with `ask_preferred` (F093)."""
    recording_push: RecordingPush | None = None
    """None: recordings are not pushed."""
    recording_bucket: RecordingBucket | None = None
    """Of recordings that begin from now on (F204); None: the installation's bucket or directory."""
    last_agent_first: bool = False
    """A caller is offered first to the agent who answered them last (F123); groups may decide for themselves."""

    country: Country = "CN"
    """How numbers that agents type are read, and what is no foreign country to them."""
    caller_id: CallerIdPolicy = CallerIdPolicy.REGION
    dial_guard: DialGuard = DialGuard()

    def __post_init__(self) -> None:
        _no_voice(self.capacity)
        _no_repetition(self.rank_by)

    @property
    def key_id(self) -> str:
        """`main`."""
        return "main"


class ServiceLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group's target: `share` of its requests answered within `within_s` seconds."""

    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.8
    within_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 20


class SkillStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request needs once it has waited for `after_s` seconds; never more than before."""

    after_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    skills: Skills = {}


class CallbackPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How callers of a group are called back who have asked for it."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    """How often the customer is called who does not answer, or is busy."""
    retry_s: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = 300
    """Between two attempts; then it stands in its old place again."""
    expires_s: Annotated[int, msgspec.Meta(ge=60, le=259_200)] = 86_400
    """No attempt later than so long after it was asked for."""


class SkillGroup(Document, frozen=True, kw_only=True):
    """A skill group, the unit of routing (F118), with all that decides who is served by whom (docs/routing.md)."""

    KIND: ClassVar[str] = "group"
    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    enabled: bool = True
    """A group that is not enabled serves nobody (F128)."""
    level: Level = 0
    """When an agent may serve several groups, the greater level goes first (F127)."""
    rank_by: RankBy = ()
    """Which agent goes first; empty: as the settings say."""
    last_agent_first: bool | None = None
    """F123; None: as the settings say."""
    ageing_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 0
    """So many seconds of waiting weigh as much as one step of priority, ten steps as one level of customer type; 0: the
    order is strict."""
    service_level: ServiceLevel | None = None
    max_waiting: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    """Requests that may wait here; further ones overflow (F136). 0: any number."""
    max_wait_s: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    """Who has waited here for so long overflows (F136). 0: for ever."""
    overflow: Annotated[tuple[Token, ...], msgspec.Meta(max_length=10)] = ()
    """Groups that take over, the first one that can (F136); none: the request leaves by the flow's failed exit."""
    resume_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0
    """A caller who gave up and calls again within this time takes the old place again; 0: starts anew."""
    callback: CallbackPolicy = CallbackPolicy()
    """Of callers whom a flow lets ask for it (`offer_callback` of its transfer node)."""

    def __post_init__(self) -> None:
        _no_repetition(self.rank_by)

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
    priorities: dict[Token, Priority] = {}
    """In each group, 1 first (F158, D1); 3 where none is given."""
    level: Level = 0
    """F122: greater goes first."""
    skills: Skills = {}
    sip_user: Token
    """User name of the desk phone (F060)."""
    terminal: Terminal = Terminal.DESK_PHONE
    """What the agent answers on unless the sign-in names another (F163)."""
    mobile: E164 | None = None
    """The bound mobile number (F047)."""
    answer_on_mobile: AnswerOnMobile = AnswerOnMobile.NEVER
    capacity: Capacity = {}
    """The agent's own limits, before the tenant's (F049)."""
    auto_answer: bool = False
    """The agent's phone is asked to answer offers by itself; a beep comes before the talk (F005)."""

    def __post_init__(self) -> None:
        _no_voice(self.capacity)
        if self.answer_on_mobile is not AnswerOnMobile.NEVER and self.mobile is None:
            raise ValueError("answer_on_mobile needs a bound mobile number")
        if self.terminal is Terminal.MOBILE and self.mobile is None:
            raise ValueError("terminal mobile needs a bound mobile number")

    @property
    def key_id(self) -> str:
        """The agent id."""
        return self.id


class Workplace(Document, frozen=True, kw_only=True):
    """A computer and the desk phone beside it: who signs in there answers on that phone until they sign out (F062)."""

    KIND: ClassVar[str] = "workplace"
    id: Token
    networks: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    """IP addresses, or networks in CIDR form, of its computers as console sees them."""
    sip_user: Token
    """User name of the phone."""

    def __post_init__(self) -> None:
        if not self.networks:
            raise ValueError("networks: a workplace needs at least one")
        for network in self.networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"networks: {error}") from None

    @property
    def key_id(self) -> str:
        """The workplace's id."""
        return self.id


class CustomerType(Document, frozen=True, kw_only=True):
    """A class of customers (F124). Callers of no type are of level 0 and may be served by all groups."""

    KIND: ClassVar[str] = "customer-type"
    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    level: Level
    """Greater is served first, before any other rule (F126)."""
    groups: tuple[Token, ...] = ()
    """Groups that may serve this type, the first goes first; empty: all."""

    @property
    def key_id(self) -> str:
        """The type's id."""
        return self.id


class Customer(Document, frozen=True, kw_only=True):
    """A caller's number and what customer that is (F124)."""

    KIND: ClassVar[str] = "customer"
    number: E164
    type: Token
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""

    @property
    def key_id(self) -> str:
        """The number without its plus sign."""
        return self.number.lstrip("+")


class BlockedCaller(Document, frozen=True, kw_only=True):
    """A number on the blacklist: its calls are refused before any flow (F129, F270). Who listed it: the operation log."""

    KIND: ClassVar[str] = "blocked"
    number: E164
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""

    @property
    def key_id(self) -> str:
        """The number without its plus sign."""
        return self.number.lstrip("+")


class CollectTemplate(Document, frozen=True, kw_only=True):
    """What agents may ask customers to key in during a call, such as a card or an order number (F026)."""

    KIND: ClassVar[str] = "collect-template"
    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    prompts: tuple[Prompt, ...] = ()
    min_digits: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    max_digits: Annotated[int, msgspec.Meta(ge=1, le=64)] = 20
    terminator: Annotated[str, msgspec.Meta(pattern=r"^[*#]?$")] = "#"
    """A key that ends the input early; empty: none."""
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 10
    """After the prompt, and between two keys."""
    sensitive: bool = False
    """Nobody hears the customer meanwhile, and only the last four digits are shown and kept."""

    def __post_init__(self) -> None:
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits: greater than max_digits")

    @property
    def key_id(self) -> str:
        """The template's id."""
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


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a key: the document with the number of its revision."""

    revision: int
    body: msgspec.Raw
