"""What commands do to the speech of a leg: codecs, keys out, mask."""

from callstream_media_gateway.media import opus
from callstream_media_gateway.media.dtmf import EVENTS
from callstream_media_gateway.media.keys_out import MAX_MS, MIN_MS
from callstream_media_gateway.media.leg import STATIC_OUT, Leg
from callstream_media_gateway.media.refused import RefusedError
from callstream_media_gateway.media.worker_commands import CreateLeg, SendDigits, UpdateLeg

MAX_KEYS = 64
EVENT_RATES = (8000, 48000)


def check_formats(command: CreateLeg | UpdateLeg) -> None:
    """Payload types and clocks. Raises `RefusedError`."""
    for field, payload_type in (("event_pt_in", command.event_pt_in), ("event_pt_out", command.event_pt_out)):
        if payload_type is not None and not 96 <= payload_type <= 127:
            raise RefusedError("bad-argument", f"{field}: {payload_type} is not a dynamic payload type (96..127)")
    if command.event_rate is not None and command.event_rate not in EVENT_RATES:
        raise RefusedError("bad-argument", f"event_rate: {command.event_rate} is none of {EVENT_RATES}")
    if command.pt_out is not None and not 0 <= command.pt_out <= 127:
        raise RefusedError("bad-argument", f"pt_out: {command.pt_out} is not a payload type (0..127)")
    if command.codec is not None and command.codec not in STATIC_OUT and command.pt_out is None:
        raise RefusedError("bad-argument", f"pt_out: {command.codec} has no static payload type")
    if command.codec == "OPUS" and not opus.available():
        raise RefusedError("bad-argument", "codec: no libopus on this machine")
    for payload_type, rate in command.events_in or ():
        if not 96 <= payload_type <= 127 or rate not in EVENT_RATES:
            raise RefusedError("bad-argument", f"events_in: {payload_type} at {rate} Hz")
    for payload_type, _ in command.dynamic_in or ():
        if not 96 <= payload_type <= 127:
            raise RefusedError("bad-argument", f"dynamic_in: {payload_type} is not a dynamic payload type (96..127)")


def set_formats(leg: Leg, command: CreateLeg | UpdateLeg) -> None:
    """Take what is told of them."""
    if command.codec is not None:
        leg.speak(command.codec, command.pt_out)
    if command.dynamic_in is not None:
        leg.dynamic_in = dict(command.dynamic_in)
    if command.events_in is not None:
        leg.events_in = dict(command.events_in)
    if command.event_pt_in is not None:
        leg.event_pt_in = command.event_pt_in
    if command.event_pt_out is not None:
        leg.event_pt_out = command.event_pt_out
    if command.event_rate is not None:
        leg.keys.rate = leg.digits.rate = command.event_rate


def send_digits(leg: Leg, command: SendDigits) -> None:
    """Raises `RefusedError`."""
    if not 0 < len(command.digits) <= MAX_KEYS or set(command.digits) - set(EVENTS):
        raise RefusedError("bad-argument", f"digits: not 1 to {MAX_KEYS} of {EVENTS}")
    for field, ms in (("duration_ms", command.duration_ms), ("gap_ms", command.gap_ms)):
        if not MIN_MS <= ms <= MAX_MS:
            raise RefusedError("bad-argument", f"{field}: {ms} is not within {MIN_MS}..{MAX_MS}")
    if leg.event_pt_out is None:
        raise RefusedError("bad-argument", "leg_id: its peer takes no telephone-events")
    leg.keys.add(command.send_id, command.digits, command.duration_ms, command.gap_ms)
