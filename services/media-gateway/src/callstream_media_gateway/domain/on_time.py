"""A timer of the call's has run out."""

from datetime import timedelta

from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import callback, collect, facts, inputs, menu, message, reached, survey
from callstream_media_gateway.domain.call import OVER, Call

SLACK = timedelta(seconds=0.5)
"""The clock of timers and the wall's are two."""


def time_up(call: Call, given: inputs.TimeUp) -> None:
    """One that was stopped or started anew meanwhile comes too early, or for nothing."""
    due = call.timers.get(given.name)
    if due is None or call.now < due - SLACK or call.customer in OVER:
        return
    del call.timers[given.name]
    kind, _, leg_id = given.name.partition(":")
    match kind:
        case collect.TIMER:
            collect.time_up(call)
        case survey.TIMER:
            survey.time_up(call)
        case facts.MESSAGE_TIMER:
            message.time_up(call)
        case callback.TIMER:
            callback.no_agent(call, Reason.OFFER_LOST)
        case "menu":
            menu.time_up(call, leg_id)
        case "ring":
            reached.rang_out(call, leg_id)
