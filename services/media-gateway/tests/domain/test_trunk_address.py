"""Where a trunk is: for the transport, and behind the @."""

import pytest

from callstream.contracts.outbound import Outgoing, SipTransport
from callstream_media_gateway.adapters.trunk_address import hop_of, uri_at
from callstream_media_gateway.sip.handler import Hop

TLS = SipTransport.TLS


@pytest.mark.parametrize(
    ("outgoing", "hop", "uri"),
    [
        (Outgoing(host="sip.carrier.test"), Hop("udp", "sip.carrier.test", 5060), "sip:7@sip.carrier.test"),
        (Outgoing(host="192.0.2.1", port=5080), Hop("udp", "192.0.2.1", 5080), "sip:7@192.0.2.1:5080"),
        (Outgoing(host="192.0.2.1", port=5080, domain="carrier.test"), Hop("udp", "192.0.2.1", 5080), "sip:7@carrier.test"),
        (Outgoing(host="sip.carrier.test", transport=TLS), Hop("tls", "sip.carrier.test", 5061), "sip:7@sip.carrier.test"),
        (Outgoing(host="a.test", port=5060, transport=TLS), Hop("tls", "a.test", 5060), "sip:7@a.test:5060"),
        (Outgoing(host="[2001:db8::1]"), Hop("udp", "2001:db8::1", 5060), "sip:7@[2001:db8::1]"),
        (Outgoing(host="2001:db8::1", port=5070), Hop("udp", "2001:db8::1", 5070), "sip:7@[2001:db8::1]:5070"),
    ],
)
def test_a_trunk_is_reached_where_its_document_says(outgoing: Outgoing, hop: Hop, uri: str) -> None:
    assert hop_of(outgoing) == hop
    assert str(uri_at(outgoing, "7")) == uri
    assert str(uri_at(outgoing)) == uri.replace("7@", "")
