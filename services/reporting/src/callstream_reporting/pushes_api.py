"""Recordings that are pushed to the tenant's address: what became of them, and once more (F203). For administrators."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI, Query, Response

from callstream.contracts.roles import Principal, Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer
from callstream_reporting.adapters.pushes import Pushes
from callstream_reporting.domain.push import secret_of


def add_pushes(app: FastAPI, pushes: Pushes, key: bytes) -> None:
    """Enter the routes."""

    def require_admin(person: Principal) -> None:
        if person.role is not Role.ADMIN:
            raise Refusal(Reason.FORBIDDEN, f"role '{person.role}' may not see what is pushed")

    @app.get("/v1/recording-pushes")
    async def list_pushes(person: Person, state: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        require_admin(person)
        return answer(await pushes.of_tenant(person.tenant, state, limit))

    @app.get("/v1/recording-pushes/secret")
    async def secret(person: Person) -> Response:
        require_admin(person)
        return answer({"secret": secret_of(key, person.tenant)}, headers={"Cache-Control": "no-store"})

    @app.post("/v1/recording-pushes/again")
    async def again(person: Person, recording_id: str = "") -> Response:
        require_admin(person)
        count = await pushes.again(person.tenant, recording_id, datetime.now(UTC))
        if recording_id and not count:
            raise Refusal(Reason.INVALID, "no such recording is or was on its way", "recording_id")
        return answer({"recordings": count})
