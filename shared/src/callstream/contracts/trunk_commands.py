"""What a gateway knows of trunks. Scope: a gateway instance, or `any`."""

import msgspec

from callstream.contracts.commands import Command, command


@command("media-gateway", "trunks")
class ListTrunks(Command, frozen=True, kw_only=True):
    """The state of a tenant's trunks. Result: list of TrunkView, by id."""

    tenant: str


class TrunkView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trunk, as one gateway sees it now."""

    trunk: str
    gateway: str
    incoming: int
    """Calls that it has brought and that go on."""
    takes_calls: bool
    """Calls can leave through it now."""
    why_not: str = ""
    """`down`, `not-registered`, `full`, `too-fast`; empty too for a trunk that only brings calls."""
    outgoing: int = 0
    registered: bool | None = None
    """None: it needs no registration."""
    message: str = ""
    """What it said last when it failed."""
