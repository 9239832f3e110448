"""What the SIP user agent asks its owner."""

from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.app.on_invite import OnInvite
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request


class SipDecisions:
    """UserAgentHandler of the gateway: trunks bring calls, phones register, both may ask whether we live."""

    def __init__(self, on_invite: OnInvite, phones: Phones) -> None:
        self._on_invite, self._phones = on_invite, phones

    def accept_source(self, request: Request, source: Hop) -> int | None:
        """Only trunks may bring calls; phones register from anywhere, by password."""
        if request.method == "INVITE" and not self._on_invite.may_invite(source.host):
            return 403
        return None

    def on_invite(self, call: IncomingCall) -> None:
        """A trunk's call."""
        self._on_invite(call)

    def on_register(self, request: Request, source: Hop) -> Reply:
        """A phone."""
        return self._phones.register(request, source)

    def on_options(self, _request: Request, _source: Hop) -> Reply:
        """A trunk's health check: while draining it should send its calls elsewhere."""
        return Reply(503) if self._on_invite.draining else Reply(200)
