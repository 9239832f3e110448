"""The declarative file of `callstream apply`: what a tenant's call centre should look like.

Objects that the manifest names are created or changed; what it does not name stays. The whole manifest is checked before
anything is written, and written in one transaction.
"""

from typing import Annotated

import msgspec

from callstream.contracts.config import (
    Agent,
    BlockedCaller,
    Capacity,
    CollectTemplate,
    Customer,
    CustomerType,
    Level,
    Priority,
    Settings,
    SkillGroup,
    Skills,
    Workplace,
)
from callstream.contracts.flow import AnyNode, Flow
from callstream.contracts.lines import Number
from callstream.contracts.outbound import Region
from callstream.contracts.roles import Role
from callstream.contracts.scalars import E164, Token
from callstream.contracts.states import AnswerOnMobile, OutboundMemory, Terminal
from callstream_console.domain.trunk_entry import TrunkEntry

Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Password = Annotated[str, msgspec.Meta(min_length=8, max_length=256)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misspelt field is an error that names it."""


class Phone(Strict, frozen=True, kw_only=True):
    """An agent's desk phone (F060). The password is kept as digest secrets only."""

    user: Token
    password: Annotated[str, msgspec.Meta(min_length=4, max_length=128)] = ""
    """Empty keeps the one that is set."""


class AgentEntry(Strict, frozen=True, kw_only=True):
    """An agent with phone and, when a password is given, a login of the role `agent`."""

    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    email: Email
    phone: Phone
    groups: tuple[Token, ...] = ()
    priorities: dict[Token, Priority] = {}
    level: Level = 0
    skills: Skills = {}
    password: Password | None = None

    terminal: Terminal = Terminal.DESK_PHONE
    mobile: E164 | None = None
    """None keeps the number that the agent has bound (F047)."""
    answer_on_mobile: AnswerOnMobile | None = None
    """None keeps what the agent has chosen (F034)."""
    capacity: Capacity = {}
    auto_answer: bool = False

    def document(self, before: Agent | None = None) -> Agent:
        """What other services may know; ValueError when it does not fit together."""
        mobile = self.mobile or (before.mobile if before is not None else None)
        answer_on_mobile = self.answer_on_mobile or (before.answer_on_mobile if before is not None else AnswerOnMobile.NEVER)
        return Agent(
            id=self.id,
            name=self.name,
            email=self.email,
            groups=self.groups,
            priorities=self.priorities,
            level=self.level,
            skills=self.skills,
            sip_user=self.phone.user,
            terminal=self.terminal,
            mobile=mobile,
            answer_on_mobile=answer_on_mobile,
            capacity=self.capacity,
            auto_answer=self.auto_answer,
        )


class WorkplaceEntry(Strict, frozen=True, kw_only=True):
    """A computer with a desk phone of its own (F062)."""

    id: Token
    networks: tuple[str, ...]
    phone: Phone

    def document(self) -> Workplace:
        """What other services may know; ValueError when it does not fit together."""
        return Workplace(id=self.id, networks=self.networks, sip_user=self.phone.user)


class FlowEntry(Strict, frozen=True, kw_only=True):
    """A flow; its version is counted by console."""

    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    nodes: Annotated[tuple[AnyNode, ...], msgspec.Meta(min_length=1, max_length=500)]

    def document(self, version: int) -> Flow:
        """The flow as one published version."""
        return Flow(id=self.id, name=self.name, nodes=self.nodes, version=version)


class NumberEntry(Strict, frozen=True, kw_only=True):
    """A number and its flow; it follows the flow's newest version (F116). The rest as in the document."""

    number: E164
    flow: Token
    trunks: tuple[Token, ...] = ()
    all_agents: bool = False
    allowed_agents: tuple[Token, ...] = ()
    allowed_groups: tuple[Token, ...] = ()
    outbound_groups: tuple[Token, ...] = ()
    region: Region | None = None
    prefer_for_mobile_leg: bool = False
    transfer_out: bool = False
    outbound_memory: OutboundMemory = OutboundMemory.NONE

    def document(self, flow_version: int) -> Number:
        """The number, bound to one version of its flow."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "flow"}
        return Number(**fields, flow_id=self.flow, flow_version=flow_version)


class PersonEntry(Strict, frozen=True, kw_only=True):
    """A login that is no agent's."""

    email: Email
    role: Role
    password: Password
    groups: tuple[Token, ...] = ()
    """Of a supervisor: the groups that they see and act on (F226)."""


class BucketKeys(Strict, frozen=True, kw_only=True):
    """Keys to the bucket that the settings name for recordings (F204)."""

    access_key_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^\S+$")]
    secret_access_key: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^\S+$")]

    def __repr__(self) -> str:
        """Without the keys."""
        return "BucketKeys()"


class Manifest(Strict, frozen=True, kw_only=True):
    """The whole file."""

    settings: Settings | None = None
    recording_bucket_keys: BucketKeys | None = None
    """None keeps those that are set."""
    groups: tuple[SkillGroup, ...] = ()
    agents: tuple[AgentEntry, ...] = ()
    flows: tuple[FlowEntry, ...] = ()
    numbers: tuple[NumberEntry, ...] = ()
    trunks: tuple[TrunkEntry, ...] = ()
    people: tuple[PersonEntry, ...] = ()
    customer_types: tuple[CustomerType, ...] = ()
    customers: tuple[Customer, ...] = ()
    workplaces: tuple[WorkplaceEntry, ...] = ()
    collect_templates: tuple[CollectTemplate, ...] = ()
    """What agents may ask customers to key in (F026)."""
    blocked: tuple[BlockedCaller, ...] = ()
    """Numbers to be refused (F129); a number leaves the list by `DELETE /v1/config/blocked/{number}`."""
