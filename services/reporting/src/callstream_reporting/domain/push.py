"""What is told to a tenant's address when a recording is ready, and when again if it was not taken (F203). Pure."""

import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from callstream_reporting.domain.record import ServiceRecord

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """The file behind the link."""

    format: str
    duration_ms: int
    size_bytes: int
    sha256: str


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a push. The same recording may come twice: its id is what to tell it by."""

    recording_id: str
    call_id: str
    recording: Sound
    url: str
    """The MP3, without a token, until `url_expires_at`."""
    url_expires_at: datetime
    record: ServiceRecord
    """Of the call, as it is now."""


def next_try(tries: int, first_at: datetime, now: datetime) -> datetime | None:
    """When to try again after `tries` failures: pauses of 10 s, 20 s, 40 s, … 1 h; None: a day is over, give up."""
    if now - first_at >= GIVE_UP_AFTER:
        return None
    return now + min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(tries - 1, 20)))


def secret_of(key: bytes, tenant: str) -> str:
    """What a tenant's pushes are signed with: another one for each tenant, none of them tells `key`."""
    return hmac.new(key, f"recording-push:{tenant}".encode(), hashlib.sha256).hexdigest()


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The header Callstream-Signature: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>." and the body, in hex>`."""
    moment = int(now.timestamp())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
