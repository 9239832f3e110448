"""Give somebody a recording, or a link to it. What they may hear is asked before; that they did is noted here (F200, F202)."""

from datetime import UTC, datetime, timedelta

import msgspec
from fastapi import Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from callstream.kernel.outcomes import Reason
from callstream.runtime.api import answer, error_answer
from callstream_reporting.adapters.accesses import Access, Accesses
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.domain.links import Link

LINK_LIVES = timedelta(minutes=5)
"""Long enough to begin a download, and to seek in it."""
NO_STORE = {"Cache-Control": "no-store"}


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of POST …/recording/link. A `url` without a host is of this API."""

    url: str
    expires_at: datetime


class GiveSound:
    """`sound` and `link`; 404 when there is none. `access` says what, to whom and how."""

    def __init__(self, accesses: Accesses, store: Store) -> None:
        self._accesses, self._store = accesses, store

    async def sound(self, request: Request, access: Access, path: str | None) -> Response:
        """The MP3, or the part of it that is asked for; from a bucket the way to it."""
        link = await self._store.bucket_link(path, LINK_LIVES)
        file = self._store.file(path) if link is None else None
        if link is None and file is None:
            return _no_recording()
        await self._accesses.note(msgspec.structs.replace(access, part=request.headers.get("range", "")[:64]))
        if file is None:
            return RedirectResponse(link or "", 307, headers=NO_STORE)
        return FileResponse(file, media_type="audio/mpeg", filename=f"{access.call_id}.mp3", headers=NO_STORE)

    async def link(self, access: Access, path: str | None) -> Response:
        """For whoever has it, for a while."""
        now = datetime.now(UTC)
        expires_at = datetime.fromtimestamp(int((now + LINK_LIVES).timestamp()), UTC)
        signed = Link(
            tenant=access.tenant,
            call_id=access.call_id,
            recording_id=access.recording_id,
            user=access.user,
            expires=int(expires_at.timestamp()),
        )
        url = await self._store.link(path, signed, now)
        if url is None:
            return _no_recording()
        await self._accesses.note(access)
        return answer(Given(url=url, expires_at=expires_at), headers=NO_STORE)


def _no_recording() -> Response:
    return error_answer(Reason.INVALID, "there is no such recording", "call_id", 404)
