"""Where to send: the addresses that URIs, routes and sources name (RFC 3261 8.1.2, 12.2.1.1)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from .handler import WEB, Hop
from .uri import NameAddr, Uri

_PORTS = {"tls": 5061, "ws": 80, "wss": 443}


def hop_to(uri: Uri) -> Hop:
    """Where a URI says it can be reached: its host or maddr, its port or the transport's, its ;transport= or UDP.

    A sips: URI allows only secure transports (RFC 3261 26.2.2). A transport that we do not speak stays in the hop: sending
    to it fails, and never falls back to UDP.
    """
    transport = (uri.params.get("transport") or "udp").lower()
    if uri.scheme == "sips":
        transport = "wss" if transport in WEB else "tls"
    host = uri.params.get("maddr") or uri.host
    return Hop(transport, host.strip("[]"), uri.port or default_port(transport))


def default_port(transport: str) -> int:
    """Where a transport is listened for when no port is written (RFC 3261 18.2.2, RFC 7118 5)."""
    return _PORTS.get(transport, 5060)


def is_nowhere(host: str) -> bool:
    """The names that browsers give themselves (RFC 7118 5): only their connection leads to them."""
    return host.endswith(".invalid")


def way_to(target: Uri, route_set: list[NameAddr], source: Hop, *, connected: bool, hidden: bool) -> Hop:
    """Where requests inside a dialog go: the first route, or the target (RFC 3261 12.2.1.1), with two corrections.

    A peer on a stream is reached by its open connection. A peer behind address translation (`hidden`) is reached where it
    was heard from, which is what RFC 3581 does for responses.
    """
    if connected:
        return source
    if route_set:
        return hop_to(route_set[0].uri)
    return source if hidden and not is_nowhere(target.host) else hop_to(target)


def is_hidden(contact: Uri, claimed: str, source: Hop) -> bool:
    """Does this peer stand behind address translation? claimed: the host it gave for itself in its Via.

    It does when its Via and Contact name one address and its messages come from another; also when the Contact is
    private and the source is not. A Contact that differs from both is another machine, as proxies and trunks have it.
    """
    host = contact.host.strip("[]")
    if host == source.host or not is_numeric(host) or not is_numeric(source.host):
        return False
    return host == claimed.strip("[]") or (_is_private(host) and not _is_private(source.host))


@lru_cache(maxsize=4096)
def is_numeric(host: str) -> bool:
    """True for an IP address, with or without brackets."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_private(host: str) -> bool:
    return ipaddress.ip_address(host).is_private
