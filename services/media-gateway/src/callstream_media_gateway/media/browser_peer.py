"""A simulated browser's wire, for the bench and for tests of what no real browser does: one check, DTLS, then SRTP.

Blocking, and without any pacing: whoever uses it sends each packet when he wants it sent.
"""

import secrets
import socket
import time
from typing import Self

from pylibsrtp import Policy, Session

from callstream_media_gateway.media import stun
from callstream_media_gateway.media.dtls import Association, Identity
from callstream_media_gateway.media.worker_commands import Address, DtlsPeer, IceLogin

_PATIENCE_S = 5.0
_REPEAT_S = 0.2


class HandshakeFailedError(Exception):
    """The worker did not answer, or refused."""


class BrowserPeer:
    """`peer` is what signalling tells the worker of it; `connect`, then `protect` and `unprotect` packets of `sock`."""

    def __init__(self, host: str, identity: Identity, ufrag: str = "") -> None:
        self.peer = DtlsPeer(ufrag or secrets.token_hex(4), (identity.fingerprint,))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self._identity = identity
        self._association: Association | None = None

    def check(self, login: IceLogin) -> None:
        """Send one check with nomination; also what keeps the consent fresh."""
        theirs = (login.ufrag, login.password)
        self.sock.send(stun.request(secrets.token_bytes(12), theirs, self.peer.ufrag))

    def connect(self, to: Address, login: IceLogin, fingerprint: str) -> Self:
        """Check, shake hands, have keys. Raises HandshakeFailedError."""
        self.sock.connect(to)
        self.sock.settimeout(_REPEAT_S)
        until_s = time.monotonic() + _PATIENCE_S
        self._until_checked(login, until_s)
        association = self._association = Association(self._identity, active=True, fingerprints=(fingerprint,))
        waiting = association.start()
        while True:
            for datagram in waiting:  # the last flight, or the alert that says why not, too
                self.sock.send(datagram)
            if association.keys is not None:
                break
            if association.failed or time.monotonic() > until_s:
                raise HandshakeFailedError(association.failed or "no answer to the DTLS handshake")
            data = self._receive()
            waiting = association.take(data) if data else association.repeat()
        number = association.keys.profile.number
        self.protect = Session(Policy(association.keys.sent, Policy.SSRC_ANY_OUTBOUND, srtp_profile=number)).protect
        self.unprotect = Session(Policy(association.keys.received, Policy.SSRC_ANY_INBOUND, srtp_profile=number)).unprotect
        return self

    def close(self) -> None:
        self.sock.close()

    def _until_checked(self, login: IceLogin, until_s: float) -> None:
        self.check(login)
        while not stun.is_success(self._receive()):
            if time.monotonic() > until_s:
                raise HandshakeFailedError("no answer to the check")
            self.check(login)

    def _receive(self) -> bytes:
        """The next datagram; empty when none came for a while, or nobody listens."""
        try:
            return self.sock.recv(2048)
        except (TimeoutError, ConnectionRefusedError):
            return b""
