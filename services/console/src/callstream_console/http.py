"""What console alone answers by HTTP: the replies of other services to commands, and too many log-ins."""

from fastapi import FastAPI, Request, Response

from callstream.contracts.commands import Reply
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import answer, error_answer
from callstream_console.app.on_log_in import TooManyTries


def reply_answer(reply: Reply) -> Response:
    """The response to a command's reply."""
    if not reply.accepted:
        return error_answer(reply.reason or Reason.INTERNAL, reply.message, reply.field)
    return answer(reply.result)


def slow_down_log_ins(app: FastAPI) -> None:
    """429, with the time to wait."""

    @app.exception_handler(TooManyTries)
    async def slow_down(_: Request, error: TooManyTries) -> Response:
        body = {"reason": Reason.FORBIDDEN, "message": str(error), "field": "email"}
        return answer(body, 429, {"Retry-After": str(error.retry_after_s)})
