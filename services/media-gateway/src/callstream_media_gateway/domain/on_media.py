"""What the media worker tells."""

from callstream.contracts.call_events import LegStarted, RecordingFailed, RecordingReady
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import OVER, C, Call, LegStage
from callstream_media_gateway.domain.connect import bridge, connect_play_id, make_ready
from callstream_media_gateway.domain.on_sip import fail_offer
from callstream_media_gateway.domain.states import OfferInput, OfferState


def leg_opened(call: Call, given: inputs.LegOpened) -> None:
    """The customer may ring; an agent's phone is invited."""
    leg = call.legs.get(given.leg_id)
    if leg is None or leg.stage is not LegStage.OPENING:
        return
    leg.stage = LegStage.OPEN
    if leg.role is LegRole.CUSTOMER:
        make_ready(call)
        return
    call.offers[leg.offer_id].move(OfferInput.OPENED)
    leg.announced = True
    call.effects.append(do.InvitePhone(leg.leg_id, leg.agent_id))
    call.append(LegStarted(leg_id=leg.leg_id, role=leg.role, offer_id=leg.offer_id, agent_id=leg.agent_id))


def leg_failed(call: Call, given: inputs.LegFailed) -> None:
    """Without the customer's media, or in talk, the call is over; an agent's leg that could not be opened fails its offer."""
    leg = call.legs.get(given.leg_id)
    if leg is None or leg.stage is LegStage.CLOSING:
        return
    offer = call.offers.get(leg.offer_id)
    if offer is not None and offer.state is OfferState.OPENING:
        fail_offer(call, offer, Reason.MEDIA_FAILED)
    else:
        call.end(Reason.MEDIA_FAILED, Party.SYSTEM)


def leg_closed(call: Call, given: inputs.LegClosed) -> None:
    """Told only after a close was asked for: a leg that the worker lost by itself comes as LegFailed."""
    leg = call.legs.get(given.leg_id)
    if leg is not None and leg.stage is LegStage.CLOSING:
        call.leg_closed(given.leg_id, given.figures)


def play_ended(call: Call, given: inputs.PlayEnded) -> None:
    """Of the running playback only: what was replaced or stopped has been reported."""
    if call.play is None or call.play.play_id != given.play_id:
        return
    call.finish_play(given.how, given.message)
    if call.customer is not C.CONNECTING:
        return
    for offer in list(call.offers.values()):
        if offer.state is OfferState.CONFIRMED and connect_play_id(offer) == given.play_id:
            bridge(call, offer)


def silent(call: Call, given: inputs.Silent) -> None:
    """An answered leg that sends nothing is dead, whatever its signalling says."""
    if given.leg_id in call.legs:
        call.end(Reason.MEDIA_TIMEOUT, Party.SYSTEM)


def media_lost(call: Call, _: inputs.MediaLost) -> None:
    """End with the right reason, and save of the recordings what was written until then."""
    if call.customer not in OVER:
        call.end(Reason.MEDIA_FAILED, Party.SYSTEM)
    for recording_id in sorted(call.recordings):
        call.effects.append(do.Salvage(recording_id))


def recording_saved(call: Call, given: inputs.RecordingSaved) -> None:
    """The link between the call and its recording (F201)."""
    if given.recording_id not in call.recordings:
        return
    call.recordings.discard(given.recording_id)
    ready = RecordingReady(
        recording_id=given.recording_id,
        path=given.path,
        duration_ms=given.duration_ms,
        size_bytes=given.size_bytes,
        sha256=given.sha256,
    )
    call.append(ready, recording_key(given.recording_id))


def recording_lost(call: Call, given: inputs.RecordingLost) -> None:
    """Nobody waits for a recording that will not come."""
    if given.recording_id in call.recordings:
        call.recordings.discard(given.recording_id)
        failed = RecordingFailed(recording_id=given.recording_id, message=given.message)
        call.append(failed, recording_key(given.recording_id))


def recording_key(recording_id: str) -> str:
    """Live or found after a crash, a recording's outcome is the same event: it is stored once."""
    return recording_id.rpartition("-")[2]
