"""Every NATS subject, stream and bucket name of Callstream. No other file spells one.

Events    cs.<tenant>.<aggregate>.<id>.<event>         cs.acme.call.01J….arrived
Commands  cmd.<service>.<scope>.<command>              scope: a tenant, or a gateway instance for the calls it holds
Poison    dlq.<service>.<tenant>.<aggregate>.<event>   a message that a consumer could not handle, with the error
"""

from collections.abc import Callable, Sequence

EVENTS_STREAM = "EVENTS"
DEAD_LETTER_STREAM = "DEAD_LETTERS"
EVENT_ROOT = "cs"
ALL_EVENTS = "cs.>"
ALL_DEAD_LETTERS = "dlq.>"

CONFIG_BUCKET = "CONFIG"
CREDENTIALS_BUCKET = "CREDENTIALS"
ARCHIVE_KEYS_BUCKET = "ARCHIVE_KEYS"
LEASES_BUCKET = "LEASES"
SNAPSHOTS_BUCKET = "SNAPSHOTS"


def event_subject(tenant: str, aggregate: str, aggregate_id: str, name: str) -> str:
    """The subject that one event is stored under."""
    return f"cs.{tenant}.{aggregate}.{aggregate_id}.{name}"


def aggregate_subjects(tenant: str, aggregate: str, aggregate_id: str) -> str:
    """All events of one aggregate: what an expected version is checked against."""
    return f"cs.{tenant}.{aggregate}.{aggregate_id}.>"


def events_of(aggregate: str, name: str = "*", tenant: str = "*") -> str:
    """Events of one kind of aggregate, all of them or those of one name, of all tenants or one."""
    return f"cs.{tenant}.{aggregate}.*.{name}"


KINDS = 10_000
"""Kinds of events that are recognised without a comparison: some hundred of each tenant."""


def matches(pattern: Sequence[str], tokens: Sequence[str]) -> bool:
    """Whether a subject matches a NATS pattern, both given by their tokens."""
    for i, wanted in enumerate(pattern):
        if wanted == ">":
            return len(tokens) > i
        if i >= len(tokens) or wanted not in ("*", tokens[i]):
            return False
    return len(tokens) == len(pattern)


def chosen_by(filters: Sequence[str]) -> Callable[[bytes], bool] | None:
    """Tells of an event's subject, as the broker writes it, whether a filter matches; None: all events match."""
    if ALL_EVENTS in filters:
        return None
    patterns = [pattern.split(".") for pattern in filters]
    any_id = all(len(pattern) == 5 and pattern[3] == "*" for pattern in patterns)

    def chosen(subject: bytes) -> bool:
        words = subject.decode("utf-8", "replace").split(".")
        return any(matches(pattern, words) for pattern in patterns)

    known: dict[tuple[bytes, ...], bool] = {}

    def chosen_by_kind(subject: bytes) -> bool:
        tokens = subject.split(b".")
        if len(tokens) != 5:
            return False
        kind = tokens[1], tokens[2], tokens[4]
        found = known.get(kind)
        if found is None:
            found = chosen(subject)
            if len(known) < KINDS:
                known[kind] = found
        return found

    return chosen_by_kind if any_id else chosen


def parse_event_subject(subject: str) -> tuple[str, str, str, str]:
    """(tenant, aggregate, aggregate id, event name) of an event's subject; ValueError when it is none."""
    parts = subject.split(".")
    if len(parts) != 5 or parts[0] != EVENT_ROOT:
        raise ValueError(f"not an event subject: {subject!r}")
    return parts[1], parts[2], parts[3], parts[4]


ANY = "any"
"""The scope of a command that one instance of a service, whichever, is to carry out: a call that no gateway holds yet."""


def command_subject(service: str, scope: str, command: str) -> str:
    """Where a command is sent: `scope` is the tenant, or the gateway instance that holds the call."""
    return f"cmd.{service}.{scope}.{command}"


def commands_of(service: str, command: str, scope: str = "*") -> str:
    """What the handler of one command listens on."""
    return f"cmd.{service}.{scope}.{command}"


def dead_letter_subject(service: str, tenant: str, aggregate: str, name: str) -> str:
    """Where a consumer puts a message that it cannot handle."""
    return f"dlq.{service}.{tenant}.{aggregate}.{name}"


def dead_letters_of(service: str) -> str:
    """All that one consumer could not handle."""
    return f"dlq.{service}.>"


def bucket_stream(bucket: str) -> str:
    """The stream behind a key-value bucket."""
    return f"KV_{bucket}"


def bucket_subject(bucket: str, key: str = ">") -> str:
    """Where a key of a bucket is stored; without a key: all of them."""
    return f"$KV.{bucket}.{key}"


def config_key(tenant: str, kind: str, object_id: str) -> str:
    """The key of a configuration document. E.164's plus sign cannot stand in a key and is left out."""
    return f"{tenant}.{kind}.{object_id.lstrip('+')}"
