"""Digits by a template of the tenant's, in the middle of a talk (F026).

Of a sensitive template nobody hears the customer while it lasts, neither the agent nor the recording, and no event has more
than the last four digits.
"""

from callstream.contracts.control_events import CollectionStarted, DigitsCollected
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.parties import Collection, LegStage, Playback
from callstream_media_gateway.domain.situation import check

TIMER = "collect"
SHOWN = 4


def collect(call: Call, given: orders.Collect) -> None:
    """Ask; the first key stops the prompt. Known ids change nothing."""
    leg = check(call, Control.COLLECT, given.agent_id)
    if given.collection_id in call.known_plays:
        return
    if call.collection is not None:
        raise Refusal(Reason.ILLEGAL_STATE, "digits are being collected already", "collection_id")
    call.known_plays.add(given.collection_id)
    template = given.template
    call.collection = Collection(given.collection_id, template, leg.leg_id)
    call.append(
        CollectionStarted(
            collection_id=given.collection_id,
            template_id=template.id,
            agent_id=given.agent_id,
            sensitive=template.sensitive,
        )
    )
    if template.sensitive:
        call.effects.append(do.MaskLeg(call.customer_leg, on=True))
    if template.prompts:
        call.start_play(Playback(_prompt_id(call.collection), template.prompts, repeat=1, barge_in=True, asked=False))
    else:
        call.start_timer(TIMER, template.timeout_s)


def key(call: Call, collection: Collection, digit: str, method: str) -> None:
    """One more digit, or the end. RFC 4733 keys stop the prompt in the media worker, INFO keys here."""
    template = collection.template
    if method == "info" and call.play is not None and call.play.play_id == _prompt_id(collection):
        call.finish_play("stopped")
    call.start_timer(TIMER, template.timeout_s)
    if digit == template.terminator:
        if len(collection.digits) >= template.min_digits:
            finish(call, "complete")
        return
    collection.digits += digit
    if len(collection.digits) >= template.max_digits:
        finish(call, "complete")


def prompt_ended(call: Call, play_id: str) -> None:
    """From now on the customer's time counts."""
    collection = call.collection
    if collection is not None and play_id == _prompt_id(collection):
        call.start_timer(TIMER, collection.template.timeout_s)


def time_up(call: Call) -> None:
    """What there is counts if it is enough."""
    if call.collection is not None:
        enough = len(call.collection.digits) >= call.collection.template.min_digits
        finish(call, "complete" if enough else "timeout")


def look_after(call: Call) -> None:
    """A collection lasts as long as its agent talks with the customer: hold, consultation or an end cancels it."""
    collection = call.collection
    if collection is None:
        return
    customer, agent = call.legs.get(call.customer_leg), call.legs.get(collection.agent_leg)
    goes_on = (
        customer is not None
        and agent is not None
        and agent.leg_id in call.talk
        and agent.stage is LegStage.OPEN
        and not customer.held
    )
    if not goes_on:
        finish(call, "cancelled")


def finish(call: Call, how: str) -> None:
    """Tell what came."""
    collection, call.collection = call.collection, None
    if collection is None:
        return
    call.stop_timer(TIMER)
    if call.play is not None and call.play.play_id == _prompt_id(collection):
        call.finish_play("stopped")
    digits, customer = collection.digits, call.legs.get(call.customer_leg)
    if collection.template.sensitive:
        digits = "*" * (len(digits) - SHOWN) + digits[-SHOWN:]
        if customer is not None and customer.stage is LegStage.OPEN:
            call.effects.append(do.MaskLeg(call.customer_leg, on=False))
    call.append(
        DigitsCollected(collection_id=collection.collection_id, template_id=collection.template.id, digits=digits, how=how)
    )


def _prompt_id(collection: Collection) -> str:
    return f"{collection.collection_id}-prompt"
