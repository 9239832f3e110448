"""The one place that declares streams and buckets. Idempotent; run by whoever may administrate (deployment, tests).

A stream that exists is updated only where nothing stored is lost by it: limits, replicas, flags that are switched on. What
cannot be changed compatibly (its storage) raises IncompatibleStream.
"""

from typing import Any

import msgspec
from nats.aio.client import Client

from callstream.contracts.subjects import (
    ALL_DEAD_LETTERS,
    ALL_EVENTS,
    ARCHIVE_KEYS_BUCKET,
    CONFIG_BUCKET,
    CREDENTIALS_BUCKET,
    DEAD_LETTER_STREAM,
    EVENTS_STREAM,
    LEASES_BUCKET,
    SNAPSHOTS_BUCKET,
    bucket_stream,
    bucket_subject,
)
from callstream.runtime.link import Link, NoAnswer

_S = 1_000_000_000
TIMEOUT_S = 10.0
NOT_FOUND = 10059


class IncompatibleStream(Exception):
    """A stream of that name exists and cannot be made what it should be without losing what it holds."""


def _bucket(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": bucket_stream(name),
        "subjects": [bucket_subject(name)],
        "max_msgs_per_subject": 1,
        "discard": "new",
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "duplicate_window": 120 * _S,
        **more,
    }


def definitions(replicas: int = 1) -> list[dict[str, Any]]:
    """Configuration of every stream, as the JetStream API wants it."""
    common: dict[str, Any] = {"storage": "file", "retention": "limits", "num_replicas": replicas, "allow_direct": True}
    return [
        {
            "name": EVENTS_STREAM,
            "subjects": [ALL_EVENTS],
            "discard": "new",
            "allow_atomic": True,
            "deny_delete": True,
            "duplicate_window": 120 * _S,
            **common,
        },
        {
            "name": DEAD_LETTER_STREAM,
            "subjects": [ALL_DEAD_LETTERS],
            "discard": "old",
            "max_age": 30 * 86_400 * _S,
            "max_bytes": 256 * 1024 * 1024,
            "duplicate_window": 86_400 * _S,
            **common,
        },
        _bucket(CONFIG_BUCKET, **common),
        _bucket(CREDENTIALS_BUCKET, **common),
        _bucket(ARCHIVE_KEYS_BUCKET, **common),
        _bucket(LEASES_BUCKET, allow_msg_ttl=True, subject_delete_marker_ttl=1 * _S, **common),
        _bucket(SNAPSHOTS_BUCKET, **common),
    ]


async def declare(nc: Client, *, replicas: int = 1) -> None:
    """Create what is missing, bring what exists up to date. Raises IncompatibleStream, NoAnswer."""
    for wanted in definitions(replicas):
        existing = await _api(nc, f"STREAM.INFO.{wanted['name']}")
        error = existing.get("error")
        if error is None:
            await _update(nc, existing["config"], wanted)
        elif error.get("err_code") == NOT_FOUND:
            await _checked(nc, f"STREAM.CREATE.{wanted['name']}", wanted)
        else:
            raise NoAnswer(str(error))


async def _update(nc: Client, current: dict[str, Any], wanted: dict[str, Any]) -> None:
    name = wanted["name"]
    if all(current.get(key) == value for key, value in wanted.items()):
        return
    for fixed in ("storage", "retention"):
        if current[fixed] != wanted[fixed]:
            raise IncompatibleStream(f"stream {name}: {fixed} is {current[fixed]!r}, needed is {wanted[fixed]!r}")
    await _checked(nc, f"STREAM.UPDATE.{name}", {**current, **wanted})


async def _checked(nc: Client, call: str, body: dict[str, Any]) -> None:
    answer = await _api(nc, call, body)
    if "error" in answer:
        raise IncompatibleStream(f"{call}: {answer['error'].get('description')}")


async def _api(nc: Client, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    payload, _ = await Link.of(nc).request(f"$JS.API.{call}", msgspec.json.encode(body) if body else b"", TIMEOUT_S)
    return msgspec.json.decode(payload, type=dict[str, Any])
