"""Cutting a byte stream into messages (RFC 3261 18.3) and keep-alives (RFC 5626 3.5.1). Pure."""

from __future__ import annotations

import re

from .errors import ParseError
from .message import MAX_MESSAGE, parse_content_length

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class BrokenStreamError(ParseError):
    """The boundary of the next message cannot be found: the connection is of no more use. `head` is what was read."""

    def __init__(self, field: str, problem: str, head: bytes) -> None:
        super().__init__(field, problem)
        self.head = head


class StreamFramer:
    """Feed chunks as they come; get whole messages and b"" for each ping (an empty line pair) in order."""

    __slots__ = ("_buffer", "_need")

    def __init__(self) -> None:
        self._buffer = b""
        self._need = 0  # bytes until the message is whole, once its head was read

    def feed(self, chunk: bytes) -> list[bytes]:
        """Raises BrokenStreamError; what was whole before the break is lost with the connection."""
        buffer = self._buffer + chunk if self._buffer else chunk
        found: list[bytes] = []
        while buffer:
            if not self._need:
                if buffer[0] in b"\r\n":
                    buffer, pings, partial = _skip_empty_lines(buffer)
                    found += [b""] * pings
                    if partial:
                        break
                    continue
                end = buffer.find(b"\r\n\r\n")
                if end < 0:
                    if len(buffer) > MAX_MESSAGE:
                        raise BrokenStreamError("message", f"head larger than {MAX_MESSAGE} bytes", buffer)
                    break
                self._need = end + 4 + _body_length(buffer[: end + 2])
            if len(buffer) < self._need:
                break
            found.append(buffer[: self._need])
            buffer = buffer[self._need :]
            self._need = 0
        self._buffer = buffer
        return found

    @property
    def waiting(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._buffer)


def _skip_empty_lines(buffer: bytes) -> tuple[bytes, int, bool]:
    """The rest behind leading CRLFs, how many pings (CRLF CRLF) they are, and whether one may be incomplete."""
    rest = buffer.lstrip(b"\r\n")
    breaks = buffer[: len(buffer) - len(rest)]
    if rest:
        return rest, breaks.count(b"\r\n") // 2, False
    pings = breaks.count(b"\r\n") // 2
    left = breaks[pings * 4 :]
    return left, pings, True


def _body_length(head: bytes) -> int:
    """The announced length of the body; none announced is an empty body."""
    found = _LENGTH.search(head)
    if found is None:
        return 0
    try:
        length = parse_content_length(found.group(1).decode("ascii", "replace"))
    except ParseError as error:
        raise BrokenStreamError(error.field, error.problem, head) from None
    if len(head) + length > MAX_MESSAGE:
        raise BrokenStreamError("message", f"larger than {MAX_MESSAGE} bytes", head)
    return length
