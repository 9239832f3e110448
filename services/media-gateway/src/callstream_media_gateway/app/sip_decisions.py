"""What the SIP user agent asks its owner."""

from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.app.on_invite import OnInvite
from callstream_media_gateway.app.on_phone_call import OnPhoneCall
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request


class SipDecisions:
    """UserAgentHandler of the gateway: trunks and registered phones bring calls, phones register, all may ask whether we live."""

    on_phone_call: OnPhoneCall
    """Set before the user agent starts; what it does needs the user agent."""

    def __init__(self, on_invite: OnInvite, phones: Phones) -> None:
        self._on_invite, self._phones = on_invite, phones

    def accept_source(self, request: Request, source: Hop) -> int | Reply | None:
        """Trunks bring calls by their address, registered phones by their password; everybody may register, by password."""
        if request.method != "INVITE":
            return None
        if self._phones.caller(request, source) is not None:
            refusal = self._phones.check(request, source)
            if refusal is not None:
                metrics.phone_calls.labels(str(refusal.code)).inc()
            return refusal
        return None if self._on_invite.may_invite(source.host) else 403

    def on_invite(self, call: IncomingCall) -> None:
        """A trunk's call, or that of a phone that has proved its password."""
        caller = self._phones.caller(call.request, call.source)
        if caller is None:
            self._on_invite(call)
        else:
            self.on_phone_call(call, *caller)

    def on_register(self, request: Request, source: Hop) -> Reply:
        """A phone."""
        return self._phones.register(request, source)

    def on_options(self, _request: Request, _source: Hop) -> Reply:
        """A trunk's health check: while draining it should send its calls elsewhere."""
        return Reply(503) if self._on_invite.draining else Reply(200)
