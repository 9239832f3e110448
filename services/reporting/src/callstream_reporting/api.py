"""The HTTP API of reporting, version 1: service records and timelines (F227, F240), and what add_… bring.

Everything is scoped to the tenant of the token; another tenant's call is 404, and so is a call that an agent has no part in.
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Request, Response

from callstream.contracts.roles import Principal
from callstream.contracts.states import Direction
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, body_of, error_answer, make_api
from callstream.runtime.auth import TokenVerifier
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.accesses import Accesses
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.mailboxes import Mailboxes
from callstream_reporting.adapters.pushes import Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import RecordQuery, Records
from callstream_reporting.agents_api import add_agents
from callstream_reporting.app.give_sound import GiveSound
from callstream_reporting.domain.permissions import may_hear, may_read, visible_agent, visible_groups, visible_people
from callstream_reporting.pushes_api import add_pushes
from callstream_reporting.recordings_api import add_recordings
from callstream_reporting.voicemail_api import add_voicemail


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the API stands on."""

    records: Records
    verifier: TokenVerifier
    accesses: Accesses
    store: Store
    pushes: Pushes
    mailboxes: Mailboxes
    states: AgentStates
    configuration: Configuration


class Remark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a remark."""

    text: Annotated[str, msgspec.Meta(max_length=2000)]
    """Empty: none any more."""


def build_api(parts: Parts) -> FastAPI:
    """The application; it holds no state of its own."""
    app = make_api("Callstream reporting", parts.verifier)
    add_agents(app, parts.states, parts.configuration)
    add_pushes(app, parts.pushes, parts.store.key)
    give = GiveSound(parts.accesses, parts.store)
    add_recordings(app, parts.records, parts.accesses, give, parts.store.key, parts.configuration)
    add_voicemail(app, parts.mailboxes, parts.records, give, parts.configuration)

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
        callback_of: str = "",
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
            callback_of=callback_of,
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

    @app.put("/v1/records/{call_id}/remark")
    async def put_remark(call_id: str, request: Request, person: Person) -> Response:
        """By whoever may hear the call, while it goes on or afterwards (F190): an analyst only reads."""
        body = await body_of(request, Remark)
        record = await parts.records.get(person.tenant, call_id)
        if record is None or not may_hear(person, record, groups_of(person)):
            return _no_call(call_id)
        await parts.records.remark(record, body.text, person.user_id, datetime.now(UTC))
        return answer(await parts.records.get(person.tenant, call_id))

    return app


def _no_call(call_id: str) -> Response:
    return error_answer(Reason.UNKNOWN_CALL, f"no such call: '{call_id}'", "call_id")
