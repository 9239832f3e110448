"""Where a trunk is, as SIP writes it and as the transport reaches it."""

from callstream.contracts.outbound import Outgoing, SipTransport
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.uri import Uri

PORTS = {SipTransport.UDP: 5060, SipTransport.TCP: 5060, SipTransport.TLS: 5061}


def hop_of(outgoing: Outgoing) -> Hop:
    """Where to send."""
    return Hop(outgoing.transport, outgoing.host.strip("[]"), outgoing.port or PORTS[outgoing.transport])


def uri_at(outgoing: Outgoing, user: str | None = None) -> Uri:
    """A user there, or the trunk itself. Behind the @ stands its domain, else its host with a port that is not the usual one."""
    if outgoing.domain:
        return Uri("sip", user, outgoing.domain)
    host = outgoing.host.strip("[]")
    usual = PORTS[outgoing.transport]
    return Uri("sip", user, f"[{host}]" if ":" in host else host, outgoing.port if outgoing.port not in (0, usual) else None)
