"""Prompt files of all kinds come out as 8 kHz mono of the same pitch and loudness."""

import wave
from pathlib import Path

import numpy as np
import pytest

from callstream_media_gateway.media.arrays import RATE
from callstream_media_gateway.media.audiofile import AudioFileError, load, save
from callstream_media_gateway.media.tone import level_dbm0, sines, tone_levels


def write(path: Path, rate: int, channels: int, width: int, frequency: float, seconds: float = 1.0) -> None:
    t = np.arange(int(rate * seconds)) / rate
    sound = np.sin(2 * np.pi * frequency * t) * 0.25
    match width:
        case 1:
            data = np.rint(sound * 127 + 128).astype(np.uint8)[:, None]
        case 2:
            data = np.rint(sound * 32767).astype("<i2")[:, None].view(np.uint8)
        case 3:
            data = np.rint(sound * 8388607).astype("<i4")[:, None].view(np.uint8)[:, :3]
        case _:
            data = np.rint(sound * 2147483647).astype("<i4")[:, None].view(np.uint8)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(np.tile(data, (1, channels)).tobytes())


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rates_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    write(tmp_path / "a.wav", rate, channels, 2, 1000)
    samples = load(str(tmp_path / "a.wav"))
    assert abs(len(samples) - RATE) <= 1
    middle = samples[800:-800]
    expected = 20 * np.log10(0.25) + 3.14
    assert tone_levels(middle, [1000])[0] == pytest.approx(expected, abs=0.1)
    assert level_dbm0(middle) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_sample_widths(tmp_path: Path, width: int) -> None:
    write(tmp_path / "a.wav", 16000, 1, width, 500)
    assert tone_levels(load(str(tmp_path / "a.wav"))[800:-800], [500])[0] == pytest.approx(20 * np.log10(0.25) + 3.14, abs=0.2)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_what_8_khz_cannot_carry_does_not_come_back_as_another_tone(tmp_path: Path, rate: int) -> None:
    write(tmp_path / "a.wav", rate, 1, 2, 6000)
    assert level_dbm0(load(str(tmp_path / "a.wav"))[800:-800]) < -50


def test_save_and_load_are_the_same(tmp_path: Path) -> None:
    samples = sines((440, 620), 4000)
    save(tmp_path / "a.wav", samples)
    assert (load(str(tmp_path / "a.wav")) == samples).all()


@pytest.mark.parametrize("content", [None, b"", b"RIFF", b"not a wav file at all, but long enough to be one", bytes(100)])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"broken\.wav"):
        load(str(path))


def test_a_cut_file_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    save(path, sines((440,), 8000))
    path.write_bytes(path.read_bytes()[:8045])
    assert len(load(str(path))) == 4000
