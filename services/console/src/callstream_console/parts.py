"""What the API stands on."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from callstream.runtime.auth import TokenVerifier
from callstream.runtime.commands import Commands
from callstream_console.adapters.contacts import Contacts
from callstream_console.adapters.documents import Documents
from callstream_console.adapters.outbox import Outbox
from callstream_console.adapters.people import People
from callstream_console.app.on_log_in import LogIn


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the API stands on."""

    documents: Documents
    people: People
    contacts: Contacts
    log_in: LogIn
    outbox: Outbox
    commands: Commands
    verifier: TokenVerifier
    prompts: Path
    new_id: Callable[[], str]
    origins: frozenset[str] = frozenset()
    """Where tenants may have us send recordings."""
