"""What supervisors do to a service that goes on: tear it down (F213), or move its customer to another agent (F214)."""

from callstream.contracts.call_events import ServiceTornDown, TransferStarted
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import OVER, Call, Offer, Playback
from callstream_media_gateway.domain.states import CUSTOMER, CustomerInput, OfferInput, OfferState

IN_SERVICE = frozenset({OfferState.CONFIRMED, OfferState.BRIDGED})
"""The agent has the customer; before the bridge the customer hears the connect prompt."""


def tear_down(call: Call, given: inputs.TearDown) -> None:
    """End the service and the call with it."""
    _service(call, given.agent_id, IN_SERVICE)
    call.append(ServiceTornDown(agent_id=given.agent_id, actor=given.actor))
    call.end(Reason.SUPERVISOR, Party.SUPERVISOR)


def transfer(call: Call, given: inputs.Transfer) -> None:
    """Take the agent's leg away and ask for the other agent; the customer stays."""
    offer = _service(call, given.agent_id, frozenset({OfferState.BRIDGED}))
    if given.target_agent_id == given.agent_id:
        raise Refusal(Reason.INVALID, "the target serves this call already", "target_agent_id")
    if not CUSTOMER.allows(call.customer, CustomerInput.RELEASE):
        raise Refusal(Reason.ILLEGAL_STATE, f"the customer's leg is {call.customer}", "call_id")
    call.transfer_count += 1
    call.transfer_request = f"{call.call_id}-t{call.transfer_count}"
    call.append(
        TransferStarted(
            request_id=call.transfer_request,
            agent_id=given.agent_id,
            target_agent_id=given.target_agent_id,
            actor=given.actor,
            caller=call.arrived.caller,
            gateway=call.arrived.gateway,
            customer_leg_id=call.customer_leg,
        )
    )
    call.effects.append(do.StopRecord(call.recording_id))
    offer.move(OfferInput.END)
    call.move(CustomerInput.RELEASE)
    call.drop_offer(offer, Reason.SUPERVISOR)
    call.start_play(Playback(f"{call.transfer_request}-music", given.prompts, repeat=0, barge_in=False, asked=False))


def request_left(call: Call, given: inputs.RequestLeft) -> None:
    """Nobody will come any more for a customer who was moved: no flow is left that could see to them."""
    if call.customer in OVER or given.request_id != call.transfer_request:
        return
    call.end(given.reason, Party.SUPERVISOR if given.reason is Reason.SUPERVISOR else Party.SYSTEM)


def _service(call: Call, agent_id: str, states: frozenset[OfferState]) -> Offer:
    """The offer by which this agent serves the customer now."""
    if call.customer in OVER:
        raise Refusal(Reason.UNKNOWN_CALL, f"call {call.call_id} is over", "call_id")
    for offer in call.offers.values():
        if offer.agent_id == agent_id and offer.state in states:
            return offer
    raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent_id} does not serve call {call.call_id} now", "agent_id")
