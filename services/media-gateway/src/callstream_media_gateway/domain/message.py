"""The customer leaves a message (F205): a beep, then they are recorded until `#`, a silence, the longest time, or their hang-up.

To the flow it is a playback like any other: it has an id, is asked for again after a crash, and its end is told once.
"""

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.facts import MESSAGE_TIMER
from callstream_media_gateway.domain.on_command import check
from callstream_media_gateway.domain.parties import Message, Playback
from callstream_media_gateway.domain.serve import record
from callstream_media_gateway.domain.states import CustomerInput

ENDS = "#"


def take(call: Call, given: inputs.TakeMessage) -> None:
    """Known play ids change nothing: the command is being repeated."""
    if given.play_id in call.known_plays:
        return
    check(call, CustomerInput.PLAY)
    for field in ("max_s", "silence_s"):
        if getattr(given, field) < 1:
            raise Refusal(Reason.INVALID, "must be at least 1", field)
    call.known_plays.add(given.play_id)
    message = Message(given.mailbox, given.max_s, given.silence_s)
    call.start_play(Playback(given.play_id, (), repeat=1, barge_in=False, message=message))


def beep_over(call: Call) -> None:
    """The customer speaks from now on."""
    message = call.play.message if call.play is not None else None
    if message is None or message.recording_id:
        return
    call.append(record(call, "", message.mailbox, message.silence_s))
    message.recording_id = call.recording
    call.start_timer(MESSAGE_TIMER, message.max_s)


def key(call: Call, digit: str) -> None:
    """`#` ends it, also during the beep; other keys are the caller's affair."""
    if digit == ENDS and call.play is not None and call.play.message is not None:
        call.finish_play("interrupted")


def quiet(call: Call, given: inputs.RecordingQuiet) -> None:
    """They have said what they had to say."""
    message = call.play.message if call.play is not None else None
    if message is not None and message.recording_id == given.recording_id:
        call.finish_play("completed")


def time_up(call: Call) -> None:
    """The longest message is taken."""
    if call.play is not None and call.play.message is not None:
        call.finish_play("completed")
