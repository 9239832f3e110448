"""Who may say what on NATS: one user per service, least privilege, in one table.

A service appends only to the aggregates that it owns, commands only the services named here, and reads the log and
the buckets below. What is not listed is refused by the server itself, whatever the service's code does.
"""

from typing import Any

from callstream.contracts.subjects import (
    EVENTS_STREAM,
    bucket_stream,
    bucket_subject,
    commands_of,
    dead_letters_of,
    events_of,
)

OPERATOR = "operator"
"""Declares streams, serves the command line and the tests: may do everything."""

# service: (aggregates it appends to, services it commands)
SERVICES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "media-gateway": (("call", "leg", "gateway"), ("agent-state",)),  # seizes who calls from their phone
    "ivr": (("ivr",), ("media-gateway", "routing")),
    "routing": (("queue",), ("agent-state", "media-gateway")),
    "agent-state": (("agent", "call"), ("media-gateway",)),  # ends the calls of a gateway that is gone (ADR 11)
    "console": (("config",), ("agent-state", "routing", "media-gateway", "ivr", "reporting")),
    "reporting": ((), ()),
}

# bucket: (who reads, who writes); None is every service
BUCKETS: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...] | None]] = {
    "CONFIG": (None, ("console",)),
    "LEASES": (None, None),
    "CREDENTIALS": (("media-gateway",), ("console",)),
    "ARCHIVE_KEYS": (("media-gateway", "reporting"), ("console",)),  # one uploads, the other makes links
    "SNAPSHOTS": (None, None),
}


def reading(stream: str) -> list[str]:
    """The requests that reading one stream (or a bucket's stream) takes, by consumer or message by message."""
    return [
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.>",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.ACK.{stream}.>",
        f"$JS.FC.{stream}.>",
    ]


def bucket_rules(service: str) -> list[str]:
    subjects: list[str] = []
    for bucket, (readers, writers) in BUCKETS.items():
        if writers is None or service in writers:
            subjects += [bucket_subject(bucket)]
        if readers is None or service in readers:
            subjects += reading(bucket_stream(bucket))
    return subjects


def permissions(service: str) -> dict[str, Any]:
    """The `permissions` block of one service's user, as nats-server's configuration wants it."""
    aggregates, commanded = SERVICES[service]
    publish = ["$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.NAMES", *reading(EVENTS_STREAM)]
    publish += [events_of(aggregate, ">") for aggregate in aggregates]
    publish += [commands_of(other, ">") for other in commanded]
    publish += [dead_letters_of(service), *bucket_rules(service)]
    return {
        "publish": {"allow": publish},
        "subscribe": {"allow": [f"_INBOX.{service}.>", commands_of(service, ">")]},
        # A command is answered on its reply subject, which lies in the asker's inbox.
        "allow_responses": True,
    }


def users(passwords: dict[str, str]) -> list[dict[str, Any]]:
    """The `users` of the configuration; `passwords` by user name, for the operator and each service."""
    everyone: list[dict[str, Any]] = [{"user": OPERATOR, "password": passwords[OPERATOR]}]
    for service in SERVICES:
        everyone.append({"user": service, "password": passwords[service], "permissions": permissions(service)})
    return everyone
