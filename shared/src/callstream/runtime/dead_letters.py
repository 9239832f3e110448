"""Keeps what a service could not read or fold, with the error, for a person to look at."""

import asyncio

import structlog
from nats.errors import Error as NatsError

from callstream.contracts.subjects import DEAD_LETTER_STREAM, dead_letter_subject
from callstream.runtime import metrics
from callstream.runtime.link import Link, NoAnswer

TRIES = 5
PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class DeadLetters:
    """`bury` sends to the stream of dead letters in the background, so that nothing waits for it."""

    def __init__(self, link: Link, service: str, try_s: float) -> None:
        self._link, self._service, self._try_s = link, service, try_s
        self._sending: set[asyncio.Task[None]] = set()

    def bury(self, subject: str, seq: int, payload: bytes, headers: dict[str, str], error: BaseException) -> None:
        """The message as it stands in the log; a repetition is stored once."""
        metrics.dead_letters.labels(type(error).__name__).inc()
        log.error("dead letter", subject=subject, seq=seq, error=str(error))
        parts = (subject.split(".") + ["_"] * 5)[:5]
        target = dead_letter_subject(self._service, parts[1], parts[2], parts[4])
        kept = {k: v for k, v in headers.items() if not k.startswith("Nats-")}
        lines = {
            **kept,
            "Nats-Msg-Id": f"{self._service}-{seq}",
            "callstream-subject": subject,
            "callstream-seq": str(seq),
            "callstream-error": f"{type(error).__name__}: {error}",
        }
        text = "".join(f"{k}: {' '.join(v.split())}\r\n" for k, v in lines.items())
        task = asyncio.create_task(self._send(target, payload, f"NATS/1.0\r\n{text}\r\n".encode()))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, subject: str, payload: bytes, headers: bytes) -> None:
        for _ in range(TRIES):
            try:
                await self._link.request(subject, payload, self._try_s, headers)
            except (NoAnswer, NatsError, OSError):
                await asyncio.sleep(PAUSE_S)
            else:
                return
        log.error("dead letter not kept", stream=DEAD_LETTER_STREAM, subject=subject)
