"""What ivr and others ask for. An illegal command raises Refusal and has changed nothing (F035)."""

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import OVER, C, Call
from callstream_media_gateway.domain.parties import Playback
from callstream_media_gateway.domain.states import CUSTOMER, CustomerInput, OfferInput


def answer(call: Call, _: inputs.Answer) -> None:
    """Accepted again when it is answered already."""
    check(call, CustomerInput.ANSWER)
    rings = call.customer is C.RINGING
    call.move(CustomerInput.ANSWER)
    if rings:
        call.effects.append(do.AnswerCaller())


def play(call: Call, given: inputs.Play) -> None:
    """Known play ids change nothing: the command is being repeated."""
    if given.play_id in call.known_plays:
        return
    if call.run is None:
        check(call, CustomerInput.PLAY)
    if not given.prompts:
        raise Refusal(Reason.INVALID, "nothing to play", "prompts")
    if given.repeat < 0:
        raise Refusal(Reason.INVALID, "must not be negative; 0 plays until stopped", "repeat")
    call.known_plays.add(given.play_id)
    call.start_play(Playback(given.play_id, given.prompts, given.repeat, given.barge_in))


def stop(call: Call, given: inputs.Stop) -> None:
    """Stop it if it is still on."""
    if call.play is not None and call.play.play_id == given.play_id and call.play.asked:
        call.finish_play("stopped")


def hang_up(call: Call, given: inputs.HangUp) -> None:
    """Accepted also when the call is over."""
    call.end(given.reason, given.party)


def drop_offer(call: Call, given: inputs.DropOffer) -> None:
    """Stop ringing. An answer that the log has confirmed stands: both talk."""
    offer = call.offers.get(given.offer_id)
    if offer is None:
        return
    if not offer.can(OfferInput.WITHDRAWN):
        raise Refusal(Reason.ILLEGAL_STATE, f"offer {given.offer_id} is {offer.state}", "offer_id")
    offer.move(OfferInput.WITHDRAWN)
    call.drop_offer(offer, Reason.OFFER_LOST)


def check(call: Call, given: CustomerInput) -> None:
    """Raise Refusal unless the customer's leg has a row for it now."""
    if call.customer in OVER:
        raise Refusal(Reason.UNKNOWN_CALL, f"call {call.call_id} is over", "call_id")
    if not CUSTOMER.allows(call.customer, given):
        raise Refusal(Reason.ILLEGAL_STATE, f"'{given}' is not possible while the customer's leg is {call.customer}")
