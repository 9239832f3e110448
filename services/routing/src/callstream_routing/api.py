"""The HTTP API of routing, version 1: why a call went to whom. Scoped to the tenant of the token (F275)."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from callstream.contracts.roles import Principal, Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.auth import InvalidToken, TokenVerifier
from callstream.runtime.event_store import StoreUnavailable
from callstream_routing.app.decisions import Decisions

_READERS = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.ANALYST})


async def read_principal(request: Request) -> Principal:
    """The principal of the request's access token; raises InvalidToken, and Refusal for a role that may not ask."""
    verifier: TokenVerifier = request.app.state.verifier
    person = verifier.verify(request.headers.get("authorization"))
    if person.role not in _READERS:
        raise Refusal(Reason.FORBIDDEN, f"role '{person.role}' may not read decisions")
    return person


Person = Annotated[Principal, Depends(read_principal)]


def build_api(decisions: Decisions, verifier: TokenVerifier) -> FastAPI:
    """The application; it holds no state of its own."""
    app = FastAPI(title="Callstream routing", version="1", docs_url=None, redoc_url=None)
    app.state.verifier = verifier
    _install_errors(app)

    @app.get("/v1/decisions/{call_id}")
    async def of_call(call_id: str, person: Person, agent: str = "") -> Response:
        found = await decisions.of_call(person.tenant, call_id, agent)
        return _answer(found) if found else _error(404, Reason.UNKNOWN_CALL, f"no offer was made for call '{call_id}'", "call_id")

    @app.get("/v1/decisions")
    async def of_agent(person: Person, agent: str, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
        return _answer(await decisions.of_agent(person.tenant, agent, limit))

    return app


def _answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def _error(status: int, reason: Reason, message: str, field: str = "") -> Response:
    return _answer({"reason": reason, "message": message, "field": field}, status)


def _install_errors(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return _error(403 if error.reason is Reason.FORBIDDEN else 422, error.reason, error.message, error.field)

    @app.exception_handler(InvalidToken)
    async def not_signed_in(_: Request, error: InvalidToken) -> Response:
        body = {"reason": Reason.NOT_SIGNED_IN, "message": str(error), "field": "authorization", "expired": error.expired}
        return _answer(body, 401, {"WWW-Authenticate": "Bearer"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return _error(422, Reason.INVALID, str(first["msg"]), str(first["loc"][-1]))

    @app.exception_handler(StoreUnavailable)
    async def away(_: Request, __: StoreUnavailable) -> Response:
        return _error(503, Reason.UNAVAILABLE, "the log does not answer")
