"""What the media worker tells."""

from callstream.contracts.call_events import QualityChanged, RecordingFailed, RecordingReady
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import collect, inputs, message, survey
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import OVER, C, Call
from callstream_media_gateway.domain.connect import bridge, connect_play_id, make_ready, ring
from callstream_media_gateway.domain.consult import second_ready
from callstream_media_gateway.domain.departed import departed
from callstream_media_gateway.domain.on_log import confirmed
from callstream_media_gateway.domain.on_sip import fail_offer
from callstream_media_gateway.domain.parties import Leg, LegStage
from callstream_media_gateway.domain.reached import failed
from callstream_media_gateway.domain.states import OfferInput, OfferState


def leg_opened(call: Call, given: inputs.LegOpened) -> None:
    """The call's first party may be answered or rung; every further one is rung."""
    leg = call.legs.get(given.leg_id)
    if leg is None or leg.stage is not LegStage.OPENING:
        return
    leg.stage = LegStage.OPEN
    if leg.second:
        second_ready(call)
        return
    if leg.offer_id:
        call.offers[leg.offer_id].move(OfferInput.OPENED)
    if leg.leg_id == (call.own_leg or call.customer_leg):
        make_ready(call)
    else:
        ring(call, leg)


def leg_failed(call: Call, given: inputs.LegFailed) -> None:
    """An agent's leg that could not be opened fails its offer, though the phone may ring already; another party's what it was
    for; in talk it is gone.
    """
    leg = call.legs.get(given.leg_id)
    if leg is None or leg.stage is LegStage.CLOSING:
        return
    offer = call.offers.get(leg.offer_id)
    if offer is not None and offer.can(OfferInput.REFUSED):
        fail_offer(call, offer, Reason.MEDIA_FAILED, peer_gone=False)
    elif leg.purpose is not None and not leg.answered:
        failed(call, leg, Reason.MEDIA_FAILED, peer_gone=False)
    else:
        departed(call, leg, Reason.MEDIA_FAILED, Party.SYSTEM, peer_gone=False)


def mix_failed(call: Call, _: inputs.MixFailed) -> None:
    """Who should hear each other do not: nobody would know."""
    call.end(Reason.MEDIA_FAILED, Party.SYSTEM)


def leg_closed(call: Call, given: inputs.LegClosed) -> None:
    """Told only after a close was asked for: a leg that the worker lost by itself comes as LegFailed."""
    leg = call.legs.get(given.leg_id)
    if leg is not None and leg.stage is LegStage.CLOSING:
        call.leg_closed(given.leg_id, given.figures)


def play_ended(call: Call, given: inputs.PlayEnded) -> None:
    """Of what is running only: what was replaced or stopped has been reported."""
    for leg in call.legs.values():
        if leg.tune == given.play_id:
            leg.tune = ""
            _tune_ended(call, leg)
            return
    if call.play is None or call.play.play_id != given.play_id:
        return
    call.finish_play(given.how, given.message)
    collect.prompt_ended(call, given.play_id)
    survey.prompt_ended(call, given.play_id)
    if call.customer is not C.CONNECTING:
        return
    for offer in list(call.offers.values()):
        if offer.state is OfferState.CONFIRMED and connect_play_id(offer) == given.play_id:
            bridge(call, offer)


def _tune_ended(call: Call, leg: Leg) -> None:
    """After the beep of an automatic answer the agent is connected (F005), after that of a voicemail its caller speaks (F205)."""
    if leg.leg_id == call.customer_leg:
        message.beep_over(call)
        return
    offer = call.offers.get(leg.offer_id)
    if offer is not None and offer.beep and offer.state is OfferState.CONFIRMED:
        offer.beep = False
        confirmed(call, offer)


def silent(call: Call, given: inputs.Silent) -> None:
    """An answered leg that sends nothing is dead, whatever its signalling says."""
    leg = call.legs.get(given.leg_id)
    if leg is not None and leg.stage is not LegStage.CLOSING:
        departed(call, leg, Reason.MEDIA_TIMEOUT, Party.SYSTEM, peer_gone=False)


def sounds_bad(call: Call, given: inputs.SoundsBad) -> None:
    """An alert, and its end, while the leg lives; told a second time it changes nothing."""
    leg = call.legs.get(given.leg_id)
    if leg is None or leg.stage is LegStage.CLOSING or leg.sounds_bad == given.bad:
        return
    leg.sounds_bad = given.bad
    call.append(
        QualityChanged(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            bad=given.bad,
            mos=given.mos,
            loss_percent=round(100 * given.loss, 1),
            jitter_ms=given.jitter_ms,
            rtt_ms=given.rtt_ms,
        )
    )


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
        failed = RecordingFailed(recording_id=given.recording_id, message=given.message, reason=given.reason)
        call.append(failed, recording_key(given.recording_id))


def recording_key(recording_id: str) -> str:
    """Live or found after a crash, a recording's outcome is the same event: it is stored once."""
    return recording_id.rpartition("-")[2]
