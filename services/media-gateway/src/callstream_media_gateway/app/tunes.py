"""What the gateway plays of its own: hold music, ring tone, beep. Tones are made by the media worker, no file is needed."""

from callstream_media_gateway.domain.effects import Tune
from callstream_media_gateway.media.worker_commands import PlayItem, Silence, Tone

_CHORDS = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
"""C, A minor, F, G: four calm bars that begin again without a seam."""

TUNES: dict[Tune, tuple[PlayItem, ...]] = {
    Tune.HOLD: tuple(item for chord in _CHORDS for item in (Tone(chord, 1200, -27.0), Silence(100))),
    Tune.RINGBACK: (Tone((450.0,), 1000, -20.0), Silence(4000)),
    Tune.BEEP: (Tone((1000.0,), 200, -18.0),),
}
"""The ring tone is China's (ITU-T E.180 supplement 2)."""

REPEAT = {Tune.HOLD: 0, Tune.RINGBACK: 0, Tune.BEEP: 1}
"""0: until stopped."""
