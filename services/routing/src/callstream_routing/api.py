"""The HTTP API of routing, version 1: why a call went to whom. Scoped to the tenant of the token (F275), and for a supervisor to
their own groups (F226): a call of others is answered like one that does not exist."""

from typing import Annotated

from fastapi import FastAPI, Query, Response

from callstream.contracts.roles import Principal, Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, make_api
from callstream.runtime.auth import TokenVerifier
from callstream_routing.app.decisions import Decisions

_READERS = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.ANALYST})


def build_api(decisions: Decisions, verifier: TokenVerifier) -> FastAPI:
    """The application; it holds no state of its own."""
    app = make_api("Callstream routing", verifier)

    @app.get("/v1/decisions/{call_id}")
    async def of_call(call_id: str, person: Person, agent: str = "") -> Response:
        _require_reader(person)
        found = await decisions.of_call(person.tenant, call_id, agent, _groups(person))
        if not found:
            raise Refusal(Reason.UNKNOWN_CALL, f"no offer was made for call '{call_id}'", "call_id")
        return answer(found)

    @app.get("/v1/decisions")
    async def of_agent(person: Person, agent: str, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
        _require_reader(person)
        return answer(await decisions.of_agent(person.tenant, agent, limit, _groups(person)))

    return app


def _groups(person: Principal) -> tuple[str, ...] | None:
    """The groups whose decisions a person may read: a supervisor's own (F226), None: all."""
    return person.groups if person.role is Role.SUPERVISOR else None


def _require_reader(person: Principal) -> None:
    if person.role not in _READERS:
        raise Refusal(Reason.FORBIDDEN, f"role '{person.role}' may not read decisions")
