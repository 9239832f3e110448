"""A phone that speaks G.722 or Opus, with FFmpeg's codecs as the foreign ear and mouth."""

import struct
from collections.abc import Callable, Sequence

import av
import numpy as np
from numpy.typing import NDArray

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.media.tone import level_dbm0
from callstream_media_gateway.media.worker_commands import Codec, CreateLeg

from .rig import Rig

RATE = {"OPUS": 48000, "G722": 16000}
STEP = {"OPUS": 960, "G722": 160, "PCMA": 160}
PAYLOAD_TYPE = {"OPUS": 107, "G722": 9, "PCMA": 8}


def packets_of(codec: str, frequency_hz: float, level: float = -13.0, seconds: float = 4.0, frame_ms: int = 20) -> list[bytes]:
    """A tone as FFmpeg encodes it."""
    rate = RATE[codec]
    peak = 32767 * 10 ** ((level - 3.14) / 20)
    samples = peak * np.sin(2 * np.pi * frequency_hz * np.arange(int(rate * seconds)) / rate)
    context = av.CodecContext.create("libopus" if codec == "OPUS" else "g722", "w")
    context.sample_rate, context.format, context.layout = rate, "s16", "mono"
    if codec == "OPUS":
        context.options = {"frame_duration": str(frame_ms), "fec": "1", "packet_loss": "20", "application": "voip", "b": "32000"}
        context.open()
    size = rate * frame_ms // 1000
    packets = []
    for start in range(0, len(samples) - size + 1, size):
        frame = av.AudioFrame(format="s16", layout="mono", samples=size)
        frame.sample_rate, frame.pts = rate, start
        frame.planes[0].update(samples[start : start + size].astype(np.int16).tobytes())
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets


def decoded(codec: str, payloads: Sequence[bytes]) -> NDArray[np.float64]:
    """What FFmpeg hears, at the codec's own rate, in the scale of 16 bits."""
    context = av.CodecContext.create("opus" if codec == "OPUS" else "g722", "r")
    context.sample_rate, context.layout = RATE[codec], "mono"
    if codec == "OPUS":
        context.extradata = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, RATE[codec], 0, 0)
    parts = []
    for payload in payloads:
        for frame in context.decode(av.Packet(payload)):
            part = frame.to_ndarray().reshape(-1).astype(np.float64)
            parts.append(part * 32768 if frame.format.name.startswith("flt") else part)
    return np.concatenate(parts) if parts else np.zeros(0)


def tone_and_rest(samples: NDArray[np.float64], frequency_hz: float, rate: int) -> tuple[float, float]:
    """Level of the tone in dBm0, and how far the rest (noise and distortion) lies below it in dB."""
    t = np.arange(len(samples)) / rate
    waves = np.stack([np.sin(2 * np.pi * frequency_hz * t), np.cos(2 * np.pi * frequency_hz * t)], axis=1)
    parts = np.linalg.lstsq(waves, samples, rcond=None)[0]
    tone = waves @ parts
    level = level_dbm0(tone.astype(np.int16))
    return level, level - level_dbm0(np.rint(samples - tone).astype(np.int16))


class CodedPhone(RtpPeer):
    """Says packets over and over; `lose(number)` decides which never arrive."""

    def __init__(self, codec: str) -> None:
        super().__init__("127.0.0.1")
        self.codec = codec
        self.packets: list[bytes] = []
        self.came: list[wire.Packet] = []
        self.lose: Callable[[int], bool] = lambda _: False

    def _take(self, data: bytes) -> None:
        packet = wire.parse(data)
        if packet is not None:
            self.packets_in += 1
            self.came.append(packet)

    def tick(self) -> None:
        muted, self.muted = self.muted, True
        super().tick()  # takes what came
        self.muted = muted
        if self.send_to is None or muted or not self.packets:
            return
        payload = self.packets[self.packets_out % len(self.packets)]
        if not self.lose(self.packets_out):
            kind = PAYLOAD_TYPE[self.codec]
            self.send_raw(wire.build(kind, self.packets_out == 0, self.sequence, self.timestamp, self.ssrc, payload))
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + STEP[self.codec]) & 0xFFFFFFFF
        self.packets_out += 1

    def heard_tone_of(self, frequency_hz: float, packets: int = 50) -> tuple[float, float]:
        """Level, and distance of the rest, of the last packets; the first few feed the decoder."""
        payloads = [p.payload for p in self.came if p.payload_type == PAYLOAD_TYPE[self.codec]][-packets - 10 :]
        samples = decoded(self.codec, payloads)
        return tone_and_rest(samples[len(samples) * 10 // (packets + 10) :], frequency_hz, RATE[self.codec])


async def until_heard(phone: CodedPhone, frequency_hz: float, rest_db: float, within_db: float = 1.0) -> None:
    """Wait until a second of what came is the tone at -13 dBm0 and all else so far below it. A busy machine delays frames."""
    for _ in range(12):
        seen = len(phone.came)
        await phone.until(lambda phone: len(phone.came) >= seen + 70, 15)  # noqa: B023 - awaited here
        level, rest = phone.heard_tone_of(frequency_hz)
        if abs(level + 13) <= within_db and rest > rest_db:
            return
    raise AssertionError(f"{frequency_hz} Hz: {level:.1f} dBm0, all else {rest:.1f} dB below")


async def coded_phone(rig: Rig, leg_id: str, codec: Codec, tone_hz: float = 0, event_pt: int | None = None) -> CodedPhone:
    """A leg with such a phone on it. event_pt: it takes telephone-events, at the clock of its codec."""
    phone = CodedPhone(codec)
    rig.phones.add(phone)
    kind = PAYLOAD_TYPE[codec]
    dynamic: tuple[tuple[int, Codec], ...] = ((kind, codec),) if kind >= 96 else ()
    clock = 48000 if codec == "OPUS" else 8000
    order = CreateLeg(
        *(leg_id, "call", codec, phone.address),
        pt_out=kind,
        dynamic_in=dynamic,
        event_pt_out=event_pt,
        event_rate=clock,
    )
    phone.send_to = ("127.0.0.1", await rig.client.create_leg(order))
    if tone_hz:
        phone.packets = packets_of(codec, tone_hz)
    return phone
