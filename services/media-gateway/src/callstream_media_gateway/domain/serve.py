"""Who serves the customer, and the recording of their service (F198).

There is one recording for each agent's service: left what the customer says, right what the customer hears, so that whoever
joins is in it, and neither a consultation nor what a muted agent says. An outside party that takes the customer over is no
agent of ours: with it nothing is recorded.
"""

from callstream.contracts.call_events import RecordingStarted
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.parties import Leg


def begin_service(call: Call, leg: Leg) -> None:
    """This party serves from now on, alone with the customer or with those who talk already."""
    call.serving = leg.leg_id
    for leg_id in (call.customer_leg, leg.leg_id):
        if leg_id not in call.talk:
            call.talk.append(leg_id)
    customer = call.legs.get(call.customer_leg)
    if customer is not None:
        call.stop_tune(customer)


def record(call: Call, agent_id: str, mailbox: str = "", quiet_s: int = 0) -> RecordingStarted:
    """Begin the recording of an agent's service, or of a message; who asks for it tells it."""
    call.recording_count += 1
    call.recording = f"{call.call_id}-r{call.recording_count}"
    call.recordings.add(call.recording)
    call.recording_paused = False
    call.effects.append(do.Record(call.recording, call.customer_leg, quiet_s))
    return RecordingStarted(recording_id=call.recording, agent_id=agent_id, mailbox=mailbox)


def stop_recording(call: Call) -> None:
    """The service is over, the call goes on."""
    if call.recording:
        call.effects.append(do.StopRecord(call.recording))
        call.recording, call.recording_paused = "", False
