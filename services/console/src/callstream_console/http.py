"""How console speaks HTTP: bodies and answers through msgspec, and one shape for every error.

An error is `{"reason": …, "message": …, "field": …}` with a reason from the closed list.
"""

from typing import Any, TypeVar

import msgspec
from fastapi import FastAPI, Request, Response

from callstream.contracts.commands import Reply
from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.auth import InvalidToken, TokenVerifier
from callstream_console.app.on_log_in import TooManyTries

T = TypeVar("T")
MAX_BODY_BYTES = 8 * 1024 * 1024

_STATUS: dict[Reason, int] = {
    Reason.FORBIDDEN: 403,
    Reason.UNKNOWN_AGENT: 404,
    Reason.UNKNOWN_CALL: 404,
    Reason.CONFLICT: 409,
    Reason.ILLEGAL_STATE: 409,
    Reason.NOT_SIGNED_IN: 409,
    Reason.ALREADY_RESERVED: 409,
    Reason.SESSION_TAKEN_OVER: 409,
    Reason.AT_CAPACITY: 409,
    Reason.AGENT_UNREACHABLE: 409,
    Reason.UNAVAILABLE: 503,
    Reason.INTERNAL: 500,
}


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response of anything that msgspec encodes."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_answer(reason: Reason, message: str, field: str = "") -> Response:
    """The response to a refusal; what is not listed is a mistake in the request: 422."""
    return answer({"reason": reason, "message": message, "field": field}, _STATUS.get(reason, 422))


def reply_answer(reply: Reply) -> Response:
    """The response to a command's reply."""
    if not reply.accepted:
        return error_answer(reply.reason or Reason.INTERNAL, reply.message, reply.field)
    return answer(reply.result)


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


async def read_principal(request: Request) -> Principal:
    """The principal of the request's access token, as a FastAPI dependency; raises InvalidToken."""
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.verify(request.headers.get("authorization"))


def install_errors(app: FastAPI) -> None:
    """Turn our exceptions into answers of one shape."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101  (registered for this type only)
        return error_answer(error.reason, error.message, error.field)

    async def not_signed_in(_: Request, error: Exception) -> Response:
        expired = isinstance(error, InvalidToken) and error.expired
        body = {"reason": Reason.NOT_SIGNED_IN, "message": str(error), "field": "authorization", "expired": expired}
        return answer(body, 401, {"WWW-Authenticate": "Bearer"})

    async def slow_down(_: Request, error: Exception) -> Response:
        assert isinstance(error, TooManyTries)  # noqa: S101  (registered for this type only)
        body = {"reason": Reason.FORBIDDEN, "message": str(error), "field": "email"}
        return answer(body, 429, {"Retry-After": str(error.retry_after_s)})

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(InvalidToken, not_signed_in)
    app.add_exception_handler(TooManyTries, slow_down)
