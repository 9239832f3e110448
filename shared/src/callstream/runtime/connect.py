"""A NATS connection as every service uses it: found again for ever, private inbox, nothing on standard error."""

import time
from collections.abc import Awaitable, Callable

import nats
import structlog
from nats.aio.client import Client

log = structlog.get_logger(__name__)

RECONNECT_WAIT_S = 0.1
SAME_AGAIN_S = 30.0


def inbox_prefix(user: str) -> bytes:
    """A user may listen on its own inbox only, so answers to one service cannot be read by another."""
    return f"_INBOX.{user}".encode() if user else b"_INBOX"


async def connect(
    url: str, *, name: str, user: str = "", password: str = "", closed: Callable[[], Awaitable[None]] | None = None
) -> Client:
    """Connect, waiting for the broker as long as it takes. `closed` is called when the connection is gone for good."""
    return await nats.connect(
        url,
        name=name,
        user=user or None,
        password=password or None,
        inbox_prefix=inbox_prefix(user),
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_WAIT_S,
        connect_timeout=2,
        ping_interval=10,
        max_outstanding_pings=2,
        error_cb=log_error,
        closed_cb=closed,
    )


async def log_error(error: Exception) -> None:
    """What nats-py reports beside the calls. The same words again (a broker that stays away) only every SAME_AGAIN_S."""
    global _last
    words, now = f"{type(error).__name__}: {error}", time.monotonic()
    if words == _last[0] and now - _last[1] < SAME_AGAIN_S:
        return
    _last = (words, now)
    log.warning("nats", error=words)


_last = ("", 0.0)
