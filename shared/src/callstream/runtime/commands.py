"""Commands over NATS: the asking side. (The answering side is `Service.on_command`.)"""

from callstream.contracts.commands import Command, Reply


class Commands:
    """Sends commands to other services.

    reply = await commands.send(ReserveAgent(command_id=..., ...), scope=tenant)
    """

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2) -> Reply:
        """The receiver's reply. Each try lasts `timeout_s` seconds and carries the same command id, so it is done once.

        Never raises for an absent or slow receiver: after the last try the answer is
        `Reply(accepted=False, reason=Reason.UNAVAILABLE)`. Whether the command was carried out is then unknown.
        """
        raise NotImplementedError
