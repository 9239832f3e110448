"""The frame of a service's HTTP API: bodies and answers through msgspec, one shape for every error, the principal of the token.

An error is `{"reason": …, "message": …, "field": …}` with a reason from the closed list. Import this only in services that
serve an API: it takes FastAPI with it.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.auth import InvalidToken, TokenVerifier
from callstream.runtime.event_store import StoreUnavailable

T = TypeVar("T")
MAX_BODY_BYTES = 8 * 1024 * 1024

_STATUS: dict[Reason, int] = {
    Reason.FORBIDDEN: 403,
    Reason.UNKNOWN_AGENT: 404,
    Reason.UNKNOWN_CALL: 404,
    Reason.UNKNOWN_NUMBER: 404,
    Reason.CONFLICT: 409,
    Reason.ILLEGAL_STATE: 409,
    Reason.NOT_SIGNED_IN: 409,
    Reason.ALREADY_RESERVED: 409,
    Reason.SESSION_TAKEN_OVER: 409,
    Reason.AT_CAPACITY: 409,
    Reason.AGENT_UNREACHABLE: 409,
    Reason.AGENT_BUSY: 409,
    Reason.NO_TRUNK: 409,
    Reason.DRAINING: 503,
    Reason.UNAVAILABLE: 503,
    Reason.INTERNAL: 500,
}


def make_api(title: str, verifier: TokenVerifier) -> FastAPI:
    """An application whose refusals, bad parameters and missing tokens are answered in the one shape."""
    app = FastAPI(title=title, version="1", docs_url=None, redoc_url=None)
    app.state.verifier = verifier

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return error_answer(error.reason, error.message, error.field)

    @app.exception_handler(InvalidToken)
    async def not_signed_in(_: Request, error: InvalidToken) -> Response:
        body = {"reason": Reason.NOT_SIGNED_IN, "message": str(error), "field": "authorization", "expired": error.expired}
        return answer(body, 401, {"WWW-Authenticate": "Bearer"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return error_answer(Reason.INVALID, str(first["msg"]), str(first["loc"][-1]))

    @app.exception_handler(StoreUnavailable)
    async def away(_: Request, __: StoreUnavailable) -> Response:
        return error_answer(Reason.UNAVAILABLE, "the log does not answer")

    return app


async def _principal(request: Request) -> Principal:
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.verify(request.headers.get("authorization"))


Person = Annotated[Principal, Depends(_principal)]
"""A route's parameter: who asks, by the request's access token; without a good one the answer is 401."""


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response of anything that msgspec encodes."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_answer(reason: Reason, message: str, field: str = "", status: int | None = None) -> Response:
    """The response to a refusal; what is not listed, and has no status given, is a mistake in the request: 422."""
    return answer({"reason": reason, "message": message, "field": field}, status or _STATUS.get(reason, 422))


async def body_of(request: Request, kind: type[T], *, optional: bool = False) -> T:
    """The request's body as a Struct; raises Refusal(invalid) that names the field. `optional`: no body means all defaults."""
    raw = await read_limited(request, MAX_BODY_BYTES) or (b"{}" if optional else b"")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise Refusal(Reason.INVALID, message, path.rstrip("`").lstrip(".")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Reason.INVALID, f"not JSON: {error}") from None


async def read_limited(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is longer than `limit` bytes."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Refusal(Reason.INVALID, f"more than {limit} bytes", "content")
        chunks.append(chunk)
    return b"".join(chunks)
