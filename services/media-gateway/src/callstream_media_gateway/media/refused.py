"""A command that the worker does not carry out."""

from callstream_media_gateway.media.protocol import Refusal


class RefusedError(Exception):
    """Carries the refusal of the reply."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal
