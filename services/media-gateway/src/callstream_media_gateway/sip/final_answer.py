"""A request outside of dialogs whose final answer is awaited."""

from __future__ import annotations

import asyncio

from .message import Response


class FinalAnswer:
    """The user of a client transaction. `response`: the final answer; 408 when none came, 503 when the peer cannot be reached."""

    def __init__(self) -> None:
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(self, response: Response) -> None:
        if response.code >= 200 and not self.response.done():
            self.response.set_result(response)

    def on_timeout(self) -> None:
        self.on_response(Response(408, None, []))

    def on_error(self) -> None:
        self.on_response(Response(503, None, []))
