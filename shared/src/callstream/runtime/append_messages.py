"""The messages of an append, as they go to the stream EVENTS.

Only the first event of an aggregate carries its expected version: an atomic batch allows no more.
"""

from collections.abc import Iterator, Sequence

import msgspec

from callstream.contracts.envelope import NewEvent, encode_body
from callstream.contracts.subjects import aggregate_subjects, event_subject
from callstream.runtime.event_store import Append
from callstream.runtime.wire import header_block


class Message(msgspec.Struct, frozen=True):
    """One event on its way out."""

    subject: str
    payload: bytes
    headers: bytes


def only_message(append: Append, source: str) -> Message:
    """Of an append of one event, as nearly all are."""
    return _message(append, append.events[0], source, _expects(append))


def batch_messages(appends: Sequence[Append], source: str, batch_id: str) -> Iterator[Message]:
    """Of an atomic batch, in order; the broker stores it when the last one has come."""
    last = sum(len(append.events) for append in appends)
    number = 0
    for append in appends:
        extra = _expects(append)
        for new in append.events:
            number += 1
            extra += f"Nats-Batch-Id: {batch_id}\r\nNats-Batch-Sequence: {number}\r\n"
            if number == last:
                extra += "Nats-Batch-Commit: 1\r\n"
            yield _message(append, new, source, extra)
            extra = ""


def _expects(append: Append) -> str:
    if append.expected is None:
        return ""
    subjects = aggregate_subjects(append.tenant, append.aggregate, append.aggregate_id)
    return (
        f"Nats-Expected-Last-Subject-Sequence: {append.expected}\r\nNats-Expected-Last-Subject-Sequence-Subject: {subjects}\r\n"
    )


def _message(append: Append, new: NewEvent, source: str, extra: str) -> Message:
    fact = new.event
    subject = event_subject(append.tenant, append.aggregate, append.aggregate_id, fact.NAME)
    return Message(subject, encode_body(fact), header_block(new, fact.TYPE, source, extra))
