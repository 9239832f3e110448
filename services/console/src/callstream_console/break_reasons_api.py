"""/v1/break-reasons: what agents choose from, and administrators keep (F046)."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from callstream.contracts.config import Settings
from callstream.contracts.roles import Principal
from callstream.runtime.api import Person, answer, body_of
from callstream_console.app.on_break_reasons import change_reasons, settings_of
from callstream_console.domain.break_reasons import Reasons, added, removed, renamed
from callstream_console.domain.manifest import Strict
from callstream_console.domain.permissions import Action, require
from callstream_console.parts import Parts


class BreakReason(Strict, frozen=True, kw_only=True):
    """Body of POST and PUT."""

    name: str


def add_break_reasons(app: FastAPI, parts: Parts) -> None:
    """Enter the routes. Each answers the whole list, in its order."""

    async def change(person: Principal, edit: Callable[[Reasons], Reasons]) -> Response:
        require(person, Action.CHANGE_CONFIGURATION)
        reasons = await change_reasons(parts.documents, person.tenant, person.user_id, edit)
        parts.outbox.wake()
        return answer(reasons)

    @app.get("/v1/break-reasons")
    async def read(person: Person) -> Response:
        held = settings_of(await parts.documents.holdings(person.tenant)) or Settings()
        return answer(held.break_reasons)

    @app.post("/v1/break-reasons")
    async def create(request: Request, person: Person) -> Response:
        body = await body_of(request, BreakReason)
        return await change(person, lambda reasons: added(reasons, body.name))

    @app.put("/v1/break-reasons/{reason}")
    async def rename(reason: str, request: Request, person: Person) -> Response:
        body = await body_of(request, BreakReason)
        return await change(person, lambda reasons: renamed(reasons, reason, body.name))

    @app.delete("/v1/break-reasons/{reason}")
    async def delete(reason: str, person: Person) -> Response:
        return await change(person, lambda reasons: removed(reasons, reason))
