"""Prompts as files that the media worker can read: uploaded sounds by their id, speech from the text-to-speech cache."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from callstream.contracts.config import Audio, AudioFile, Prompt, Speech
from callstream_media_gateway.media.worker_commands import File


class PromptError(Exception):
    """A prompt cannot be played; the message says which and why."""


AudioOf = Callable[[str, str], AudioFile | None]
"""(tenant, audio id)"""
Cached = Callable[[str, str], Path | None]
"""(text, voice) → the wav if it has been spoken before"""
Speak = Callable[[str, str], Awaitable[Path]]
"""(text, voice) → the wav; raises PromptError"""


class Prompts:
    """`store` holds the uploaded sounds."""

    def __init__(self, store: Path, audio_of: AudioOf, cached: Cached, speak: Speak) -> None:
        self._store, self._audio_of, self._cached, self._speak = store, audio_of, cached, speak
        self._files: dict[str, File] = {}
        """By what a document says: as many as there are uploaded sounds."""

    def at_hand(self, tenant: str, prompts: Sequence[Prompt]) -> tuple[File, ...] | None:
        """The files if all exist now, None when speech must be made first. Raises PromptError."""
        files = []
        for prompt in prompts:
            if isinstance(prompt, Audio):
                files.append(self._sound(tenant, prompt))
                continue
            path = self._cached(prompt.text, prompt.voice)
            if path is None:
                return None
            files.append(File(str(path)))
        return tuple(files)

    async def fetch(self, tenant: str, prompts: Sequence[Prompt]) -> tuple[File, ...]:
        """The files, made where needed. Raises PromptError."""
        files = []
        for prompt in prompts:
            if isinstance(prompt, Speech):
                files.append(File(str(await self._speak(prompt.text, prompt.voice))))
            else:
                files.append(self._sound(tenant, prompt))
        return tuple(files)

    def _sound(self, tenant: str, prompt: Audio) -> File:
        document = self._audio_of(tenant, prompt.audio_id)
        if document is None:
            raise PromptError(f"no sound has the id '{prompt.audio_id}'")
        file = self._files.get(document.path)
        if file is None:
            file = self._files[document.path] = File(str(self._store / document.path))
        return file
