"""Take an audio file into the prompts store (F166): a WAV of at most 5 MB, kept under its checksum."""

import asyncio
import hashlib
import io
import wave
from pathlib import Path

from callstream.contracts.config import AudioFile
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.documents import Documents
from callstream_console.domain.plan import Change

MAX_BYTES = 5 * 1024 * 1024


async def upload_audio(
    documents: Documents, store: Path, tenant: str, audio_id: str, name: str, content: bytes, actor: str
) -> AudioFile:
    """Store and publish; raises Refusal when it is too large or no PCM WAV file."""
    check_wav(content)
    digest = hashlib.sha256(content).hexdigest()
    relative = f"{tenant}/{digest}.wav"
    await asyncio.to_thread(_write, store / relative, content)
    after = AudioFile(id=audio_id, name=name or audio_id, path=relative, sha256=digest)
    async with documents.writing(tenant) as connection:
        before = (await documents.holdings(tenant, connection)).documents.get((AudioFile.KIND, audio_id))
        if before != after:
            await documents.write(connection, tenant, [Change(before=before, after=after)], actor)
    return after


def check_wav(content: bytes) -> None:
    """Raise Refusal unless `content` is a PCM WAV file of at most 5 MB that holds sound."""
    if len(content) > MAX_BYTES:
        raise Refusal(Reason.INVALID, f"{len(content)} bytes are more than {MAX_BYTES}", "content")
    try:
        with wave.open(io.BytesIO(content)) as sound:
            frames = sound.getnframes()
    except (wave.Error, EOFError) as error:
        raise Refusal(Reason.INVALID, f"not a PCM WAV file: {error}", "content") from None
    if frames == 0:
        raise Refusal(Reason.INVALID, "the file holds no sound", "content")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(content)
    partial.replace(path)
