"""What an agent does with the customer besides talking: send keys, play something (F024, F025, F030, F217)."""

from callstream.contracts.config import Audio, Speech
from callstream.contracts.control_events import DigitsSent, PlaybackStarted
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.parties import Playback
from callstream_media_gateway.domain.situation import check

DIGITS = frozenset("0123456789*#ABCD")
MOST_DIGITS = 64


def send_keys(call: Call, given: orders.SendKeys) -> None:
    """To the far side of what the agent is in: the consulted outside party, or the customer. The log hears how many."""
    check(call, Control.SEND_DIGITS, given.agent_id)
    if not given.digits or len(given.digits) > MOST_DIGITS or not set(given.digits) <= DIGITS:
        raise Refusal(Reason.INVALID, f"1 to {MOST_DIGITS} of 0-9, *, #, A-D", "digits")
    leg_id = call.consult.target_leg if call.consult is not None else call.customer_leg
    call.effects.append(do.SendDigits(leg_id, given.digits))
    call.append(DigitsSent(leg_id=leg_id, count=len(given.digits), actor=given.actor))


def play(call: Call, given: orders.PlayTo) -> None:
    """The customer hears this instead of the agent until it ends; `stop-playback` ends it earlier. Known ids change nothing."""
    check(call, Control.PLAY, given.agent_id)
    if given.play_id in call.known_plays:
        return
    if not given.prompts:
        raise Refusal(Reason.INVALID, "nothing to play", "prompts")
    if call.collection is not None:
        raise Refusal(Reason.ILLEGAL_STATE, "digits are being collected", "call_id")
    call.known_plays.add(given.play_id)
    call.append(
        PlaybackStarted(
            play_id=given.play_id,
            actor=given.actor,
            audio_ids=tuple(prompt.audio_id for prompt in given.prompts if isinstance(prompt, Audio)),
            text=" ".join(prompt.text for prompt in given.prompts if isinstance(prompt, Speech)),
        )
    )
    call.start_play(Playback(given.play_id, given.prompts, repeat=1, barge_in=False))
