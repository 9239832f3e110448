"""Spoken texts by text and voice: known ones at once, others after the text-to-speech has made them."""

from collections import OrderedDict
from pathlib import Path

from callstream_media_gateway.adapters.prompts import PromptError
from callstream_media_gateway.media.tts import Tts, TtsError

REMEMBERED = 2048


class SpokenTexts:
    """The files themselves stay in `folder`; only the names of the texts spoken last are kept in memory."""

    def __init__(self, folder: Path) -> None:
        self._tts = Tts(folder)
        self._known: OrderedDict[tuple[str, str], Path] = OrderedDict()

    def cached(self, text: str, voice: str) -> Path | None:
        """The file of a text that this process has played before."""
        path = self._known.get((text, voice))
        if path is not None:
            self._known.move_to_end((text, voice))
        return path

    async def speak(self, text: str, voice: str) -> Path:
        """The file, made when it does not exist. Raises PromptError."""
        try:
            path = await self._tts.render(text, voice)
        except TtsError as error:
            raise PromptError(f"not speakable: {error}") from error
        self._known[text, voice] = path
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return path
