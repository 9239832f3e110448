"""A rating by the customer, after the agent has left (F028)."""

from callstream.contracts.config import Prompt
from callstream.contracts.control_events import CallRated, SurveyStarted
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.parties import Playback, Rating
from callstream_media_gateway.domain.serve import stop_recording
from callstream_media_gateway.domain.situation import check
from callstream_media_gateway.domain.states import CustomerInput

TIMER = "survey"


def ask(call: Call, given: orders.AskRating) -> None:
    """The agent's part ends, the customer hears the question."""
    leg = check(call, Control.SURVEY, given.agent_id)
    call.append(SurveyStarted(agent_id=given.agent_id, actor=given.actor))
    call.rating = Rating(given.agent_id, given.survey)
    stop_recording(call)
    call.move(CustomerInput.RELEASE)
    call.drop_party(leg.leg_id, Reason.NORMAL)
    call.serving = ""
    _play(call, "ask", given.survey.prompts)


def key(call: Call, rating: Rating, digit: str) -> None:
    """A key within the scale is the rating, any other is none."""
    if rating.thanked or not digit.isdigit() or not 1 <= int(digit) <= rating.survey.keys:
        return
    call.append(CallRated(agent_id=rating.agent_id, rating=int(digit)))
    _thank(call, rating)


def prompt_ended(call: Call, play_id: str) -> None:
    """After the question the customer's time counts; after the thanks the call ends."""
    rating = call.rating
    if rating is None:
        return
    if rating.thanked:
        if play_id == _id(call, "thank"):
            call.end(Reason.NORMAL, Party.SYSTEM)
    elif play_id == _id(call, "ask"):
        call.start_timer(TIMER, rating.survey.timeout_s)


def time_up(call: Call) -> None:
    """No rating."""
    if call.rating is not None and not call.rating.thanked:
        _thank(call, call.rating)


def _thank(call: Call, rating: Rating) -> None:
    rating.thanked = True
    call.stop_timer(TIMER)
    if rating.survey.closing:
        _play(call, "thank", rating.survey.closing)
    else:
        call.end(Reason.NORMAL, Party.SYSTEM)


def _play(call: Call, what: str, prompts: tuple[Prompt, ...]) -> None:
    call.start_play(Playback(_id(call, what), prompts, repeat=1, barge_in=what == "ask", asked=False))


def _id(call: Call, what: str) -> str:
    return f"{call.call_id}-survey-{what}"
