"""A browser leg's wire: ICE-lite, then DTLS, then SRTP and SRTCP on one port (RFC 8445 §2.5, RFC 5764, RFC 5761).

`SecureWire` stands where a plain leg's socket stands: what it puts into the receiver's rows and takes from the sender's
is plain RTP, so the batched path does not know of it. What kind a datagram is says its first byte (RFC 7983):

  0..3      STUN: answered here. The source of the first check that proves itself is locked to, and a check with
            USE-CANDIDATE from elsewhere moves the lock: the browser has chosen another network.
  20..63    DTLS: put by for `Receiver`, which does handshakes between two ticks, within a bound of time
  128..191  SRTP and SRTCP: checked, decrypted, each packet at most once (libsrtp's replay window)

Nothing but STUN is taken from a source that has not proved itself, and no audio before the fingerprint was right.
"""

import re
import socket
from collections import deque
from collections.abc import Callable

from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from callstream_media_gateway.media import stun
from callstream_media_gateway.media.dtls import Association, Identity, Keys, is_fingerprint
from callstream_media_gateway.media.worker_commands import Address, DtlsPeer, IceLogin

CONSENT_MS = 30_000
"""RFC 7675 §5.1: a peer that has not checked for so long no longer wants our audio, or is gone."""
DATAGRAM_BYTES = 2048
_ICE_UFRAG, _ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/]{4,256}"), re.compile(r"[A-Za-z0-9+/]{22,256}")
_PATIENCE = 3
"""Seconds for another try after a handshake failed: it may have been somebody else's datagram that spoilt it."""
_WAITING = 16
"""Handshake datagrams that wait for the peer's fingerprint or for their turn; a flight has at most six."""
_REPLAY_WINDOW = 1024
"""Packets: 20 s of speech, so that what a stalled network delivers late is still heard or counted as late."""


class SecureWire:
    """on_dtls is called when a handshake datagram waits for `shake`; on_rtcp with each plain RTCP packet."""

    def __init__(self, identity: Identity, login: IceLogin) -> None:
        self.login = login
        self.peer: DtlsPeer | None = None
        self.on_dtls: Callable[[], None] = _nothing
        self.on_rtcp: Callable[[bytes], None] = _ignore
        self.refused = 0
        """Packets that were tampered with, came twice, or came before the keys."""
        self._identity = identity
        self._association: Association | None = None
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._socket: socket.socket | None = None
        self._incoming: Session | None = None
        self._outgoing: Session | None = None
        self._checked_ms: int | None = None
        self._spoilt = ""
        self._seconds_spoilt = 0

    @property
    def ready(self) -> bool:
        """Whether audio may leave."""
        return self._outgoing is not None and self._socket is not None

    @property
    def failed(self) -> str:
        """Why there will never be audio ("" while there may be)."""
        if self._association is None or self._association.keys is not None:
            return ""
        if self._association.refused:
            return self._association.failed
        return self._spoilt if self._seconds_spoilt >= _PATIENCE else ""

    def meet(self, peer: DtlsPeer) -> None:
        """Signalling knows the peer's description now. Another fingerprint or role than before: a new handshake."""
        known, self.peer = self.peer, peer
        if known is not None and (known.fingerprints, known.active) == (peer.fingerprints, peer.active):
            return
        self._begin(peer)
        self._spoilt, self._seconds_spoilt = "", 0
        self._incoming = self._outgoing = None
        if self._socket is not None or self._waiting:
            self.on_dtls()

    def consent_lost(self, now_ms: int) -> bool:
        """Whether a peer that has checked once checks no more."""
        return self._checked_ms is not None and now_ms - self._checked_ms > CONSENT_MS

    # --- datagrams in -----------------------------------------------------------------------------------------------

    def check(self, data: bytes, source: Address, now_ms: int) -> stun.Answer:
        """A STUN message, from anybody."""
        remote = self.peer.ufrag if self.peer is not None else None
        answer = stun.answer(data, source, self.login.ufrag, self.login.password, remote)
        if answer.accepted:
            self._checked_ms = now_ms
        return answer

    def bind(self, connected: socket.socket | None) -> None:
        """The leg is locked to a source by this socket, or (None) no longer."""
        self._socket = connected
        if connected is not None and self._association is not None and self._association.keys is None:
            self.on_dtls()

    def reader(self, connected: socket.socket, now_ms: Callable[[], int]) -> Callable[[memoryview], int]:
        """The stand-in for the `recv_into` of the socket that `bind` will be given: plain RTP, or -1 for all else."""
        receive, source = connected.recv, connected.getpeername()

        def recv_into(row: memoryview) -> int:
            data = receive(DATAGRAM_BYTES)
            if data and 128 <= data[0] < 192:
                return self._media(data, row)
            if data and data[0] < 4:
                answer = self.check(data, source, now_ms())
                if answer.data:
                    connected.send(answer.data)
            else:
                self.put_by(data)
            return -1

        return recv_into

    def put_by(self, data: bytes) -> None:
        """A datagram of the locked source that is neither STUN nor media."""
        if data and 20 <= data[0] < 64:
            self._waiting.append(data)
            self.on_dtls()
        else:
            self.refused += 1

    def _media(self, data: bytes, row: memoryview) -> int:
        incoming = self._incoming
        try:
            if incoming is None:
                raise SrtpError("no keys")
            if len(data) > 1 and 64 <= data[1] & 0x7F < 96:
                self.on_rtcp(incoming.unprotect_rtcp(data))
                return -1
            plain = incoming.unprotect(data)
        except (SrtpError, ValueError):  # ValueError: longer than any packet of speech
            self.refused += 1
            return -1
        self._association = None  # the peer has our last flight, or it had no keys: nothing is left to repeat
        size = len(plain)
        if size > len(row):
            self.refused += 1
            return -1
        row[:size] = plain
        return size

    # --- datagrams out ----------------------------------------------------------------------------------------------

    def send(self, packet: memoryview) -> int:
        """Send one RTP packet. Raises OSError, as a socket does."""
        if self._outgoing is None or self._socket is None:
            raise BlockingIOError
        try:
            return self._socket.send(self._outgoing.protect(packet.tobytes()))
        except SrtpError as error:
            raise OSError(str(error)) from error

    def send_rtcp(self, packet: bytes) -> None:
        """Send one compound RTCP packet; nothing happens before `ready`."""
        if self._outgoing is not None and self._socket is not None:
            self._socket.send(self._outgoing.protect_rtcp(packet))

    # --- handshake --------------------------------------------------------------------------------------------------

    def shake(self) -> bool:
        """One step of the handshake (some 0.2 ms at most). True: another one waits."""
        association = self._association
        if association is None or self._socket is None:
            return False
        had_keys = association.keys is not None
        flight = association.take(self._waiting.popleft()) if self._waiting else association.start()
        if association.failed and not association.refused and self.peer is not None:
            # Not even an alert is sent: it would end the browser's own handshake, which may be in good order.
            self._spoilt = association.failed
            self._begin(self.peer)
            return bool(self._waiting) or self.peer.active
        self._send_flight(flight)
        if association.keys is not None and not had_keys:
            self._open(association.keys)
        return bool(self._waiting)

    def repeat(self) -> None:
        """Once a second: send again what the peer may have missed."""
        if self._spoilt:
            self._seconds_spoilt += 1
        if self._association is not None and self._socket is not None:
            self._send_flight(self._association.repeat())
            self._spoilt = self._spoilt or self._association.failed

    def _begin(self, peer: DtlsPeer) -> None:
        self._association = Association(self._identity, active=peer.active, fingerprints=peer.fingerprints)

    def close(self) -> None:
        """The leg is over: nothing holds it any more."""
        self.on_dtls, self.on_rtcp = _nothing, _ignore
        self._association = self._incoming = self._outgoing = self._socket = None

    def _send_flight(self, datagrams: list[bytes]) -> None:
        assert self._socket is not None  # noqa: S101
        for datagram in datagrams:
            try:
                self._socket.send(datagram)
            except OSError:  # as if lost on the way: DTLS repeats it
                return

    def _open(self, keys: Keys) -> None:
        number = keys.profile.number
        incoming = Policy(keys.received, Policy.SSRC_ANY_INBOUND, srtp_profile=number)
        incoming.window_size = _REPLAY_WINDOW
        self._incoming = Session(incoming)
        self._outgoing = Session(Policy(keys.sent, Policy.SSRC_ANY_OUTBOUND, srtp_profile=number))


def unusable(login: IceLogin | None, peer: DtlsPeer | None) -> str:
    """Which field of a command is wrong, and why; "" when all is well. The lengths are those of RFC 8839 §5.4."""
    if login is not None and not _ICE_UFRAG.fullmatch(login.ufrag):
        return "ice.ufrag: not 4 to 256 ICE characters"
    if login is not None and not _ICE_PASSWORD.fullmatch(login.password):
        return "ice.password: not 22 to 256 ICE characters"
    if peer is not None and not _ICE_UFRAG.fullmatch(peer.ufrag):
        return "peer.ufrag: not 4 to 256 ICE characters"
    if peer is not None and not any(is_fingerprint(text) for text in peer.fingerprints):
        return "peer.fingerprints: none that can be checked"
    return ""


def _nothing() -> None:
    """Nobody waits for handshakes."""


def _ignore(_packet: bytes) -> None:
    """Nobody reads RTCP."""
