"""Commands over NATS: the asking side. (The answering side is `command_handlers`.)"""

import asyncio
import time

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callstream.contracts.commands import Command, Reply
from callstream.contracts.subjects import command_subject
from callstream.kernel.outcomes import Reason
from callstream.runtime.link import Link, NoAnswer
from callstream.runtime.trace_context import traceparent

PAUSE_S = 0.05

log = structlog.get_logger(__name__)

_reply = msgspec.json.Decoder(Reply)
_encode = msgspec.json.Encoder().encode


class Commands:
    """Sends commands to other services.

    reply = await commands.send(ReserveAgent(command_id=..., ...), scope=tenant)
    if reply.accepted: view = msgspec.json.decode(reply.result, type=AgentView)
    """

    def __init__(self, nc: Client) -> None:
        self._link = Link.of(nc)

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        """The receiver's reply. Each try lasts `timeout_s` seconds and carries the same command id, so it is done once.

        Never raises for an absent or slow receiver: after `timeout_s * (retries + 1)` seconds the answer is
        `Reply(accepted=False, reason=Reason.UNAVAILABLE)`, and whether the command was carried out is unknown. An absent
        receiver is looked for again until then, so a restart on the other side is only a slow answer. `call_id` puts the
        command into the call's trace.
        """
        subject = command_subject(command.SERVICE, scope, command.NAME)
        body = _encode(command)
        headers = b""
        if call_id:
            headers = f"NATS/1.0\r\ntraceparent: {traceparent(call_id, command.command_id)}\r\n\r\n".encode()
        deadline = time.monotonic() + timeout_s * (retries + 1)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return Reply(accepted=False, reason=Reason.UNAVAILABLE, message=f"{command.SERVICE} did not answer")
            try:
                if not self._link.connected:
                    raise NoAnswer("no connection to the broker")
                payload, _ = await self._link.request(subject, body, min(timeout_s, left), headers)
                return _reply.decode(payload)
            except (NoAnswer, NatsError, OSError):
                await asyncio.sleep(min(PAUSE_S, max(0.0, deadline - time.monotonic())))
            except msgspec.MsgspecError as error:
                log.error("reply not readable", command=command.NAME, error=str(error))
                return Reply(accepted=False, reason=Reason.INTERNAL, message=f"{command.SERVICE} answered unreadably")
