"""Configuration documents of what connects a company with the telephone network: its numbers and trunks."""

from typing import Annotated, ClassVar

import msgspec

from callstream.contracts.config import Document
from callstream.contracts.outbound import NumberReading, Outgoing, Region, TrunkRegistration
from callstream.contracts.scalars import E164, Country, Token
from callstream.contracts.states import OutboundMemory


class Number(Document, frozen=True, kw_only=True):
    """A number of the company, the flow that answers it (F115, F172), and who may call out with it (F143-F147)."""

    KIND: ClassVar[str] = "number"
    number: E164
    flow_id: Token
    flow_version: int
    trunks: tuple[Token, ...] = ()
    """Trunks it may be called through, and call out through; empty: all of the tenant's."""
    all_agents: bool = False
    """Every agent may show it (F146); else those named here, by id or by group."""
    allowed_agents: tuple[Token, ...] = ()
    allowed_groups: tuple[Token, ...] = ()
    outbound_groups: tuple[Token, ...] = ()
    """Groups whose agents show it before others (F145)."""
    region: Region | None = None
    """Where it is at home (F144); None: as its digits say, which 400 and 95 numbers do not."""
    prefer_for_mobile_leg: bool = False
    """Shown on agents' mobiles before others (F147)."""
    outbound_memory: OutboundMemory = OutboundMemory.NONE
    transfer_out: bool = False
    """Shown to outside parties that customers are transferred to (F020)."""

    @property
    def key_id(self) -> str:
        """The number without its plus sign."""
        return self.number.lstrip("+")


class Trunk(Document, frozen=True, kw_only=True):
    """A SIP peer that may bring calls, take calls, or both (F175). Calls from any other address are refused with 403."""

    KIND: ClassVar[str] = "trunk"
    id: Token
    peers: tuple[str, ...] = ()
    """IP addresses or networks in CIDR form that calls come from. Those of `outgoing` need not be told when its host is an
    address and the trunk registers there."""
    country: Country = "CN"
    """How national numbers are read and written."""
    max_calls: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    """Incoming ones at once."""
    max_calls_per_s: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """Incoming ones; 0: any number."""
    called: NumberReading = NumberReading()
    caller: NumberReading = NumberReading()
    """How the numbers of incoming calls are read."""
    outgoing: Outgoing | None = None
    """None: no calls leave through it."""
    registration: TrunkRegistration | None = None

    def __post_init__(self) -> None:
        if not self.peers and self.outgoing is None:
            raise ValueError("peers: a trunk needs addresses that bring calls, or `outgoing`")
        if self.registration is not None and self.outgoing is None:
            raise ValueError("registration: needs `outgoing`, which says where to register")

    @property
    def key_id(self) -> str:
        """The trunk id."""
        return self.id
