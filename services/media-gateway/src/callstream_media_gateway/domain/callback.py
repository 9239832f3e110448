"""The call of a callback (docs/adr/0019): an offer rings the agent first; when they have answered, the customer is called."""

from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain.call import C, Call
from callstream_media_gateway.domain.parties import Leg
from callstream_media_gateway.domain.states import CustomerInput

TIMER = "offer"
"""Name of the timer of a call whose offer is on its way."""
OFFER_WITHIN_S = 5.0
"""Longer than routing takes to append it: then routing has died in between, or has thought better of it."""


def await_offer(call: Call) -> None:
    """The call has begun; nobody rings yet."""
    call.start_timer(TIMER, OFFER_WITHIN_S)


def awaits_agent(call: Call) -> bool:
    """Whether no agent has answered yet: without one there is no call."""
    return call.customer is C.AWAITED and call.dialled is not None and call.dialled.purpose is Purpose.CALLBACK


def agent_there(call: Call) -> None:
    """The agent's answer counts: ring the customer."""
    dialled = call.dialled
    if dialled is not None:
        call.move(CustomerInput.DIAL)
        number, purpose = dialled.callee, Purpose.CALLBACK
        call.open_leg(Leg(dialled.leg_id, LegRole.CUSTOMER, announced=False, number=number, purpose=purpose))


def no_agent(call: Call, reason: Reason, party: Party = Party.SYSTEM) -> None:
    """The offer is over, or never came. Of a call that has its agent, other offers come and go without this."""
    if awaits_agent(call) and not call.offers:
        call.end(reason, party)
