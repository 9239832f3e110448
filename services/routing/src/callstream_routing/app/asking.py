"""How routing asks agent-state: callstream.runtime.commands.Commands, or a simulation's."""

from typing import Protocol

from callstream.contracts.commands import Command, Reply


class Asking(Protocol):
    """Sends a command and gives its reply; an absent receiver is a reply with the reason `unavailable`."""

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        """See callstream.runtime.commands."""
        ...
