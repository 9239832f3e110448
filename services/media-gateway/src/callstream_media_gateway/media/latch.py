"""From whom a leg takes audio: symmetric RTP with a defence against injection.

The address in the peer's SDP may be wrong (NAT), and anybody may send to our port. So:
  the SDP address itself: locked to at once
  no SDP address known: the first good packet's source is locked to
  anybody else: only after `PROOF` packets in sequence from one SSRC, with none from the SDP address in between
After that the lock stays until signalling tells a new remote address; packets from elsewhere are strangers.
"""

from callstream_media_gateway.media.worker_commands import Address

PROOF = 8
"""160 ms of speech: a phone behind NAT is heard that much later; a stray packet or scan never gets there."""


class Latch:
    """Decides for a leg that is not locked yet."""

    def __init__(self, remote: Address | None) -> None:
        self._remote = remote
        self._candidate: tuple[Address, int] | None = None
        self._next_sequence = 0
        self._proofs = 0

    def accepts(self, source: Address, sequence: int, ssrc: int) -> bool:
        """True: lock to this source, beginning with this packet. Call with well-formed RTP only."""
        if self._remote is None or source == self._remote:
            return True
        if self._candidate == (source, ssrc) and sequence == self._next_sequence:
            self._proofs += 1
        else:
            self._candidate, self._proofs = (source, ssrc), 1
        self._next_sequence = (sequence + 1) & 0xFFFF
        return self._proofs >= PROOF
