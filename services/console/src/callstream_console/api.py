"""The HTTP API of console, version 1: sign-in, configuration, and what agents do to their own state.

Everything is scoped to the tenant of the token; another tenant's objects do not exist for it (F275).
"""

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from callstream.kernel.errors import Refusal
from callstream.kernel.ids import is_token
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, body_of, error_answer, make_api, read_limited
from callstream_console.agents_api import add_agents
from callstream_console.app.on_apply import apply_manifest
from callstream_console.app.on_delete import delete_document
from callstream_console.app.on_upload import MAX_BYTES, upload_audio
from callstream_console.break_reasons_api import add_break_reasons
from callstream_console.calls_api import add_calls
from callstream_console.contacts_api import add_contacts
from callstream_console.directory_api import add_directory
from callstream_console.domain.holdings import DOCUMENT_TYPES
from callstream_console.domain.manifest import Manifest, Strict
from callstream_console.domain.permissions import Action, require
from callstream_console.http import slow_down_log_ins
from callstream_console.parts import Parts
from callstream_console.supervisor_api import add_supervision
from callstream_console.trunks_api import add_trunks
from callstream_console.watch_api import add_watching


class PasswordLogin(Strict, frozen=True, kw_only=True):
    """Body of POST /v1/login."""

    email: str
    password: str


class RefreshLogin(Strict, frozen=True, kw_only=True):
    """Body of POST /v1/refresh."""

    refresh_token: str


def build_api(parts: Parts) -> FastAPI:
    """The application; it holds no state of its own."""
    app = make_api("Callstream console", parts.verifier)
    slow_down_log_ins(app)
    _add_login(app, parts)
    _add_configuration(app, parts)
    add_agents(app, parts)
    add_break_reasons(app, parts)
    add_supervision(app, parts)
    add_calls(app, parts)
    add_watching(app, parts)
    add_directory(app, parts)
    add_contacts(app, parts)
    add_trunks(app, parts)
    return app


def _add_login(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/login")
    async def log_in(request: Request) -> Response:
        login = await body_of(request, PasswordLogin)
        return answer(await parts.log_in.with_password(login.email, login.password))

    @app.post("/v1/refresh")
    async def refresh(request: Request) -> Response:
        login = await body_of(request, RefreshLogin)
        return answer(await parts.log_in.with_refresh(login.refresh_token))


def _add_configuration(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/apply")
    async def apply(request: Request, person: Person) -> Response:
        require(person, Action.CHANGE_CONFIGURATION)
        manifest = await body_of(request, Manifest)
        applied = await apply_manifest(
            parts.documents, parts.people, person.tenant, manifest, person.user_id, parts.new_id, parts.origins
        )
        parts.outbox.wake()
        return answer(applied)

    @app.get("/v1/config/{kind}")
    async def list_documents(kind: str, person: Person) -> Response:
        require(person, Action.READ_CONFIGURATION)
        if kind not in DOCUMENT_TYPES:
            raise Refusal(Reason.INVALID, f"no such kind: '{kind}'", "kind")
        holdings = await parts.documents.holdings(person.tenant)
        return answer([document for (name, _), document in sorted(holdings.documents.items()) if name == kind])

    @app.get("/v1/config/{kind}/{key_id}")
    async def read_document(kind: str, key_id: str, person: Person) -> Response:
        require(person, Action.READ_CONFIGURATION)
        document = (await parts.documents.holdings(person.tenant)).documents.get((kind, key_id))
        if document is None:
            return _not_found(f"no such {kind}: '{key_id}'")
        return answer(document)

    @app.delete("/v1/config/{kind}/{key_id}")
    async def remove(kind: str, key_id: str, person: Person) -> Response:
        require(person, Action.CHANGE_CONFIGURATION)
        if (kind, key_id) not in (await parts.documents.holdings(person.tenant)).documents:
            return _not_found(f"no such {kind}: '{key_id}'")
        await delete_document(parts.documents, person.tenant, kind, key_id, person.user_id)
        parts.outbox.wake()
        return Response(status_code=204)

    @app.put("/v1/audio/{audio_id}")
    async def upload(audio_id: str, request: Request, person: Person, name: str = "") -> Response:
        require(person, Action.CHANGE_CONFIGURATION)
        if not is_token(audio_id) or "/" in audio_id:
            raise Refusal(Reason.INVALID, "letters, digits, '-' and '_' only", "audio_id")
        content = await read_limited(request, MAX_BYTES)
        stored = await upload_audio(parts.documents, parts.prompts, person.tenant, audio_id, name, content, person.user_id)
        parts.outbox.wake()
        return answer(stored)

    @app.get("/v1/operations")
    async def operations(person: Person, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        require(person, Action.READ_OPERATION_LOG)
        return answer(await parts.documents.log(person.tenant, limit))


def _not_found(message: str) -> Response:
    return error_answer(Reason.INVALID, message, "id", 404)
