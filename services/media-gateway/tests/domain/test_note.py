"""A call is plain data: whatever state it is in, it can be left as a note and read back the same."""

from collections.abc import Callable

import msgspec
import pytest

from callstream.contracts.call_events import OfferFailed
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.sip_status import PROCESS_LOST

from . import story as stories
from .story import AGENT, CUSTOMER, Story


def with_key() -> Story:
    return stories.playing().steps(on.KeyPressed(leg_id=CUSTOMER, digit="1", method="info"))


def held() -> Story:
    return stories.talking().steps(orders.Controlled(control=Control.HOLD, agent_id="1001", actor="1001"))


@pytest.mark.parametrize(
    "state",
    [
        stories.preparing,
        stories.answered,
        with_key,
        stories.agent_rings,
        stories.picked_up,
        stories.talking,
        held,
        stories.line_rings,
        stories.on_two_lines,
        stories.ended,
        stories.dialled,
        stories.callee_rings,
        stories.outbound_talk,
    ],
)
def test_what_is_noted_is_read_back_the_same(state: Callable[[], Story]) -> None:
    call = state().call
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(call), type=Call) == call


def test_a_phone_whose_invite_is_nowhere_any_more_fails_its_offer_with_the_true_reason() -> None:
    """The customer waits on: routing gives them to the next agent."""
    story = stories.agent_rings()
    story.step(on.PhoneRefused(leg_id=AGENT, sip_status=PROCESS_LOST))
    failed = story.last(OfferFailed)
    assert (failed.offer_id, failed.reason) == ("offer", Reason.GATEWAY_LOST)
    assert story.call.ended is None
