"""How reporting speaks HTTP: answers through msgspec, one shape for every error, the principal from the access token."""

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.auth import InvalidToken, TokenVerifier


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response of anything that msgspec encodes."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_answer(status: int, reason: Reason, message: str, field: str = "") -> Response:
    """`{"reason", "message", "field"}`."""
    return answer({"reason": reason, "message": message, "field": field}, status)


async def read_principal(request: Request) -> Principal:
    """The principal of the request's access token, as a FastAPI dependency; raises InvalidToken."""
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.verify(request.headers.get("authorization"))


def install_errors(app: FastAPI) -> None:
    """Turn exceptions into answers of one shape."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        status = 403 if error.reason is Reason.FORBIDDEN else 422
        return error_answer(status, error.reason, error.message, error.field)

    @app.exception_handler(InvalidToken)
    async def not_signed_in(_: Request, error: InvalidToken) -> Response:
        body = {"reason": Reason.NOT_SIGNED_IN, "message": str(error), "field": "authorization", "expired": error.expired}
        return answer(body, 401, {"WWW-Authenticate": "Bearer"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return error_answer(422, Reason.INVALID, str(first["msg"]), str(first["loc"][-1]))
