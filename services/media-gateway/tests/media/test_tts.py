"""Speech from text: cached, in English and Mandarin, with clear refusals."""

import asyncio
from pathlib import Path

import pytest

from callstream_media_gateway.media import tts as tts_module
from callstream_media_gateway.media.audiofile import load
from callstream_media_gateway.media.tone import level_dbm0
from callstream_media_gateway.media.tts import MAX_TEXT, Tts, TtsError, voice_of


def files(directory: Path) -> list[str]:
    return [path.suffix for path in directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "voice"),
    [("Welcome", "en"), ("欢迎致电", "cmn"), ("Press 1", "en"), ("按 1 转 agent", "cmn"), ("、。", "en"), ("𠮷野家", "cmn")],
)
def test_the_voice_follows_the_characters(text: str, voice: str) -> None:
    assert voice_of(text) == voice


@pytest.mark.parametrize("text", ["Welcome. Press 1 to speak to an agent.", "您好，欢迎致电，请按一号键转人工。"])
async def test_speech_comes_out_audible_and_of_plausible_length(tmp_path: Path, text: str) -> None:
    samples = load(str(await Tts(tmp_path).render(text)))
    assert 1.0 < len(samples) / 8000 < 10
    assert -30 < level_dbm0(samples) < -5


async def test_the_same_text_is_made_once_and_another_voice_is_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, str]] = []
    speak = tts_module._speak

    async def counted(text: str, voice: str) -> bytes:
        made.append((text, voice))
        return await speak(text, voice)

    monkeypatch.setattr(tts_module, "_speak", counted)
    tts = Tts(tmp_path)
    paths = await asyncio.gather(*(tts.render("Please hold.") for _ in range(5)))
    assert len(set(paths)) == 1
    assert await Tts(tmp_path).render("  Please hold. ") == paths[0]
    other = await tts.render("Please hold.", "en-us")
    assert other != paths[0]
    assert made == [("Please hold.", "en"), ("Please hold.", "en-us")]
    assert files(tmp_path) == [".wav", ".wav"]


BAD = {
    "text: empty": ("  ", ""),
    "text: 4001 characters": ("x" * (MAX_TEXT + 1), ""),
    "text: holds a NUL": ("a\0b", ""),
    "voice: '../x'": ("hello", "../x"),
    "no voice 'xx'": ("hello", "xx"),
}


@pytest.mark.parametrize("complaint", BAD)
async def test_what_cannot_be_spoken_is_refused_and_leaves_nothing(tmp_path: Path, complaint: str) -> None:
    text, voice = BAD[complaint]
    with pytest.raises(TtsError, match=complaint):
        await Tts(tmp_path).render(text, voice)
    assert files(tmp_path) == []


async def test_a_caller_that_gives_up_does_not_stop_the_others(tmp_path: Path) -> None:
    tts = Tts(tmp_path)
    impatient = asyncio.create_task(tts.render("One moment please."))
    patient = asyncio.create_task(tts.render("One moment please."))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).exists()


async def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    with pytest.raises(TtsError, match="cache_dir"):
        await Tts(tmp_path / "cache").render("hello")
