"""What phones are told for our reasons: always a final answer that ends their call, and never one that sends them elsewhere
when nobody else could do better."""

import pytest

from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.sip_status import status_for_phone, status_of

ELSEWHERE = {
    Reason.UNAVAILABLE,
    Reason.NO_TRUNK,
    Reason.TRUNKS_FAILED,
    Reason.DRAINING,
    Reason.MEDIA_FAILED,
}
"""Of this gateway's own state: another one may have the trunk, the log and the worker."""


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_final_answer(reason: Reason) -> None:
    for status in (status_of(reason), status_for_phone(reason)):
        assert 400 <= status < 700
        assert status not in (401, 407, 481, 487), "these mean something of the transaction or dialog itself"
    assert (status_for_phone(reason) == 503) == (reason in ELSEWHERE)


@pytest.mark.parametrize(
    ("status", "reasons"),
    [
        (403, (Reason.FORBIDDEN, Reason.NOT_SIGNED_IN)),
        (404, (Reason.INVALID, Reason.UNKNOWN_AGENT, Reason.UNKNOWN_NUMBER)),
        (480, (Reason.NO_ANSWER, Reason.RING_TIMEOUT, Reason.AGENT_UNREACHABLE, Reason.AT_CAPACITY)),
        (486, (Reason.BUSY, Reason.AGENT_BUSY, Reason.ILLEGAL_STATE)),
        (488, (Reason.NO_COMMON_CODEC,)),
        (603, (Reason.CALLEE_REJECTED, Reason.AGENT_REJECTED)),
    ],
)
def test_a_phone_that_calls_in_vain_shows_why(status: int, reasons: tuple[Reason, ...]) -> None:
    assert {status_for_phone(reason) for reason in reasons} == {status}
