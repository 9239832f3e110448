"""Which events a reader wants."""

import pytest

from callstream.contracts.subjects import ALL_EVENTS, aggregate_subjects, chosen_by, events_of


@pytest.mark.parametrize(
    ("filters", "subject", "wanted"),
    [
        ((events_of("call"),), b"cs.acme.call.c1.answered", True),
        ((events_of("call"),), b"cs.acme.agent.7.answered", False),
        ((events_of("call", "answered"), events_of("queue")), b"cs.acme.queue.r1.left", True),
        ((events_of("call", "answered"), events_of("queue")), b"cs.acme.call.c1.ended", False),
        ((events_of("call", "answered", "acme"),), b"cs.other.call.c1.answered", False),
        ((events_of("call"),), b"cs.odd", False),
        ((events_of("call"),), b"cs.acme.call.c1.answered.twice", False),
        ((events_of("call"),), b"cs.acme.call.\xff.answered", True),
        ((aggregate_subjects("acme", "call", "c1"),), b"cs.acme.call.c1.answered", True),
        ((aggregate_subjects("acme", "call", "c1"),), b"cs.acme.call.c2.answered", False),
        ((aggregate_subjects("acme", "call", "c1"),), b"cs.\xff.call.c1.answered", False),
        ((aggregate_subjects("acme", "call", "c1"),), b"cs", False),
    ],
)
def test_a_reader_chooses_by_the_subject(filters: tuple[str, ...], subject: bytes, wanted: bool) -> None:
    chosen = chosen_by(filters)
    assert chosen is not None
    assert [chosen(subject), chosen(subject)] == [wanted, wanted]


def test_who_wants_all_of_it_looks_at_nothing() -> None:
    assert chosen_by((events_of("call"), ALL_EVENTS)) is None
