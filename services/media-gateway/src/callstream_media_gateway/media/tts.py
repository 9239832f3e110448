"""Text to an 8 kHz wav file, cached by text and voice. For signalling; the media worker only plays files.

One helper process is started per new text (60 to 110 ms until the file is there, once; texts repeat, so nearly all
calls find the file), which needs no life cycle and cannot poison the next text. Substituting ${...} is the caller's
work.
"""

import asyncio
import hashlib
import re
import sys
from pathlib import Path

MAX_TEXT = 4000
"""Characters: about five minutes of speech."""
TIMEOUT_S = 30.0
_AT_A_TIME = 2
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f]")
_HELPER = Path(__file__).with_name("espeak_helper.py")
_VERSION = b"espeak-ng 1"
"""Part of the file names: change it when the same text would sound different."""


class TtsError(Exception):
    """The text cannot be spoken; the message names the field and the reason."""


def voice_of(text: str) -> str:
    """cmn (Mandarin) when there is a Chinese character, else en. The Mandarin voice speaks Latin words in English."""
    return "cmn" if _HAN.search(text) else "en"


class Tts:
    """cache_dir: made when missing; several processes may share it."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._running: dict[Path, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(_AT_A_TIME)

    async def render(self, text: str, voice: str = "") -> Path:
        """The file that speaks the text. voice: an espeak-ng voice as en, en-us, cmn; '': by the text. Raises
        `TtsError`.

        The same text asked for twice at a time is made once. A caller that gives up stops nobody else's.
        """
        text = text.strip()
        if not text:
            raise TtsError("text: empty")
        if len(text) > MAX_TEXT:
            raise TtsError(f"text: {len(text)} characters, at most {MAX_TEXT} are spoken")
        if "\0" in text:
            raise TtsError("text: holds a NUL character")
        voice = voice or voice_of(text)
        if not re.fullmatch(r"[A-Za-z0-9+-]{2,32}", voice):
            raise TtsError(f"voice: {voice!r} is no voice name")
        digest = hashlib.sha256(b"\0".join((_VERSION, voice.encode(), text.encode(errors="replace")))).hexdigest()
        path = self._cache_dir / digest[:2] / f"{digest}.wav"
        if not path.exists():
            task = self._running.get(path)
            if task is None:
                task = self._running[path] = asyncio.create_task(self._make(path, text, voice))
                task.add_done_callback(lambda task: self._over(path, task))
            await asyncio.shield(task)
        return path

    def _over(self, path: Path, task: asyncio.Task[None]) -> None:
        del self._running[path]
        if not task.cancelled():
            task.exception()  # looked at here, because every caller may have given up

    async def _make(self, path: Path, text: str, voice: str) -> None:
        async with self._free:
            sound = await _speak(text, voice)
        await asyncio.to_thread(_store, path, sound)


async def _speak(text: str, voice: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_HELPER), voice),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            sound, complaint = await process.communicate(text.encode(errors="replace"))
    except TimeoutError:
        raise TtsError(f"text: not spoken within {TIMEOUT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        reason = complaint.decode(errors="replace").strip().splitlines()
        raise TtsError(f"text: {reason[-1] if reason else f'helper ended with status {process.returncode}'}")
    if len(sound) <= 4:
        raise TtsError("text: nothing in it can be spoken")
    return sound


def _store(path: Path, sound: bytes) -> None:
    # numpy with it: a fifth of the time in which signalling starts, and most starts have nothing new to say.
    from callstream_media_gateway.media.speech_file import store

    try:
        store(path, sound)
    except OSError as error:
        raise TtsError(f"cache_dir: {error}") from error
