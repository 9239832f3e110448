"""The Via header: who sent a request, and the way back for its responses (RFC 3261 18.2, 20.42; RFC 3581)."""

from __future__ import annotations

from typing import NamedTuple

from .errors import ParseError
from .handler import Hop
from .uri import Params, format_params, parse_params, split_host_port, split_quoted

MAGIC = "z9hG4bK"
"""Branches that begin so name a transaction uniquely (RFC 3261 8.1.1.7)."""


class Via(NamedTuple):
    """One Via value. transport in lower case; host as written in lower case; port None when not written."""

    transport: str
    host: str
    port: int | None
    params: Params

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport.upper()} {self.host}{port}{format_params(self.params)}"


def parse_via(value: str) -> Via:
    """Parse one Via value. Raises ParseError."""
    protocol, _, rest = value.partition(" ")
    if protocol[:8] != "SIP/2.0/":
        protocol, rest = _spaced_protocol(value)
    sent_by, _, tail = rest.partition(";")
    host, port = split_host_port(sent_by, "Via")
    return Via(protocol[8:].lower(), host, port, parse_params(tail) if tail else {})


def _spaced_protocol(value: str) -> tuple[str, str]:
    """`SIP / 2.0 / UDP host`: white space is allowed around the slashes (RFC 3261 25.1)."""
    pieces = value.split("/", 2)
    if len(pieces) != 3:
        raise ParseError("Via", f"no protocol: {value[:40]!r}")
    transport, _, rest = pieces[2].strip().partition(" ")
    name, version = pieces[0].strip().upper(), pieces[1].strip()
    if name != "SIP" or version != "2.0" or not transport or not rest:
        raise ParseError("Via", f"not SIP/2.0: {value[:40]!r}")
    return f"SIP/2.0/{transport}", rest


def split_top(value: str) -> tuple[str, str]:
    """Split a Via line into its first value and the rest of the line (with its comma), which may be empty."""
    if "," not in value:
        return value, ""
    top = split_quoted(value, ",")[0]
    return top.strip(), value[len(top) :]


def mark_received(via: Via, source: Hop) -> Via:
    """Add received (RFC 3261 18.2.1) and fill rport (RFC 3581 4) with the address the request really came from."""
    params = via.params
    if "rport" in params:
        params = {**params, "received": source.host, "rport": str(source.port)}
    elif via.host.strip("[]") != source.host:
        params = {**params, "received": source.host}
    else:
        return via
    return Via(via.transport, via.host, via.port, params)


def way_back(via: Via, source: Hop) -> Hop:
    """Where the response to a request goes (RFC 3261 18.2.2, RFC 3581 4). `via` is the top one, after mark_received.

    On a stream the connection the request came on; on UDP the source address, at the source port when rport was asked for,
    at the port in the Via otherwise.
    """
    if source.transport != "udp" or "rport" in via.params:
        return source
    return Hop("udp", source.host, via.port or 5060)
