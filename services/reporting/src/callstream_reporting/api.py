"""The HTTP API of reporting, version 1: service records, timelines and recordings (F201, F202, F227, F240).

Everything is scoped to the tenant of the token; another tenant's call is 404, and so is a call that an agent has no part in.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from fastapi import FastAPI, Query, Response
from fastapi.responses import FileResponse, RedirectResponse

from callstream.contracts.roles import Principal
from callstream.contracts.states import Direction
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, error_answer, make_api
from callstream.runtime.auth import TokenVerifier
from callstream.runtime.bucket import Bucket, BucketError
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.records import RecordQuery, Records
from callstream_reporting.agents_api import add_agents
from callstream_reporting.domain.permissions import may_hear, may_read, visible_agent, visible_groups, visible_people

_log = structlog.get_logger()

LINK_LIVES = timedelta(minutes=5)
"""Of a link into the bucket: long enough to begin a download, and to seek in it."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the API stands on."""

    records: Records
    verifier: TokenVerifier
    recordings: Path
    bucket: Bucket | None = None
    states: AgentStates
    configuration: Configuration


def build_api(parts: Parts) -> FastAPI:
    """The application; it holds no state of its own."""
    app = make_api("Callstream reporting", parts.verifier)
    add_agents(app, parts.states, parts.configuration)

    def groups_of(person: Principal) -> dict[str, tuple[str, ...]]:
        return {agent.id: agent.groups for agent in parts.configuration.agents(person.tenant)}

    @app.get("/v1/records")
    async def list_records(
        person: Person,
        since: datetime | None = None,
        until: datetime | None = None,
        agent: str = "",
        group: str = "",
        status: str = "",
        caller: str = "",
        called: str = "",
        type: Direction | None = None,
        live: bool | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: str = "",
    ) -> Response:
        query = RecordQuery(
            tenant=person.tenant,
            since=since,
            until=until,
            agent_id=visible_agent(person, agent),
            group_id=group,
            groups=visible_groups(person),
            agents=visible_people(person, groups_of(person)),
            call_type=type or "",
            access_status=status,
            caller=caller,
            called=called,
            live=live,
            limit=limit,
            cursor=cursor,
        )
        return answer(await parts.records.page(query))

    @app.get("/v1/records/{call_id}")
    async def get_record(call_id: str, person: Person) -> Response:
        record = await parts.records.get(person.tenant, call_id)
        if record is None or not may_read(person, record, groups_of(person)):
            return _no_call(call_id)
        return answer(record)

    @app.get("/v1/records/{call_id}/timeline")
    async def get_timeline(call_id: str, person: Person) -> Response:
        record = await parts.records.get(person.tenant, call_id)
        if record is None or not may_read(person, record, groups_of(person)):
            return _no_call(call_id)
        return answer(await parts.records.timeline(person.tenant, call_id))

    @app.get("/v1/records/{call_id}/recording")
    async def get_recording(call_id: str, person: Person) -> Response:
        record = await parts.records.get(person.tenant, call_id)
        if record is None or not may_hear(person, record, groups_of(person)):
            return _no_call(call_id)
        link = None
        if parts.bucket is not None and record.recording_path:
            try:
                link = await parts.bucket.link(record.recording_path, LINK_LIVES)
            except BucketError as error:
                return error_answer(Reason.UNAVAILABLE, f"the recordings' bucket does not answer: {error}", "", 503)
        if link is not None:
            _log.info("recording accessed", call_id=call_id, tenant=person.tenant, user=person.user_id)
            return RedirectResponse(link, 307, headers={"Cache-Control": "no-store"})
        path = _inside(parts.recordings, record.recording_path)
        if path is None:
            return error_answer(Reason.INVALID, "this call has no recording", "call_id", 404)
        _log.info("recording accessed", call_id=call_id, tenant=person.tenant, user=person.user_id)
        return FileResponse(path, media_type="audio/mpeg", filename=f"{call_id}.mp3")

    return app


def _inside(root: Path, relative: str | None) -> Path | None:
    """The file, unless there is none or the path leads out of the store."""
    if not relative:
        return None
    path = (root / relative).resolve()
    return path if path.is_relative_to(root.resolve()) and path.is_file() else None


def _no_call(call_id: str) -> Response:
    return error_answer(Reason.UNKNOWN_CALL, f"no such call: '{call_id}'", "call_id")
