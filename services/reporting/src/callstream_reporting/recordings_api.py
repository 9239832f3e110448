"""Recordings over HTTP: played with seek (F200), downloaded (F201), by a link that expires (F202); each access is noted."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.accesses import Access, Accesses
from callstream_reporting.adapters.records import Records
from callstream_reporting.app.give_sound import GiveSound
from callstream_reporting.domain.links import Link
from callstream_reporting.domain.permissions import may_hear, require_access_log
from callstream_reporting.domain.record import ServiceRecord


def add_recordings(
    app: FastAPI, records: Records, accesses: Accesses, give: GiveSound, key: bytes, configuration: Configuration
) -> None:
    """Enter the routes. `key`: what links are signed with."""

    async def heard(person: Principal, call_id: str, recording_id: str) -> tuple[str, str | None]:
        """The recording's id and path; raises Refusal when this person may not hear it."""
        record = await records.get(person.tenant, call_id)
        groups = {agent.id: agent.groups for agent in configuration.agents(person.tenant)}
        if record is None or not may_hear(person, record, groups):
            raise Refusal(Reason.UNKNOWN_CALL, f"no such call: '{call_id}'", "call_id")
        recording_id = recording_id or record.recording_id or ""
        return recording_id, await _path_of(records, record, recording_id)

    @app.get("/v1/records/{call_id}/recording")
    async def sound(call_id: str, person: Person, request: Request, recording_id: str = "") -> Response:
        recording_id, path = await heard(person, call_id, recording_id)
        access = Access(tenant=person.tenant, call_id=call_id, recording_id=recording_id, user=person.user_id, how="sound")
        return await give.sound(request, access, path)

    @app.post("/v1/records/{call_id}/recording/link")
    async def link(call_id: str, person: Person, recording_id: str = "") -> Response:
        recording_id, path = await heard(person, call_id, recording_id)
        access = Access(tenant=person.tenant, call_id=call_id, recording_id=recording_id, user=person.user_id, how="link")
        return await give.link(access, path)

    @app.get("/v1/recordings/{tenant}/{call_id}/{recording_id}")
    async def by_link(
        tenant: str, call_id: str, recording_id: str, request: Request, user: str = "", expires: int = 0, signature: str = ""
    ) -> Response:
        given = Link(tenant=tenant, call_id=call_id, recording_id=recording_id, user=user, expires=expires)
        given.check(key, signature, datetime.now(UTC))
        record = await records.get(tenant, call_id)
        path = None if record is None else await _path_of(records, record, recording_id)
        access = Access(tenant=tenant, call_id=call_id, recording_id=recording_id, user=user, how="by-link")
        return await give.sound(request, access, path)

    @app.get("/v1/recording-accesses")
    async def list_accesses(
        person: Person,
        call_id: str = "",
        user: str = "",
        before: datetime | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        require_access_log(person)
        return answer(await accesses.newest(person.tenant, limit, call_id, user, before))


async def _path_of(records: Records, record: ServiceRecord, recording_id: str) -> str | None:
    """Of the call's last recording, or of an earlier one, which transfers leave."""
    if recording_id == (record.recording_id or ""):
        return record.recording_path
    return await records.recording_path(record.tenant, record.call_id, recording_id)
