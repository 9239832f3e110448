"""Load for the browser bench: `python -m callstream_media_gateway.media.browser_load LEGS SECONDS HOST`, the browsers of
many calls in one process.

It prints what signalling knows of them as JSON [[ufrag, fingerprint], ...], reads {login, fingerprint, ports} as JSON
from stdin, shakes hands on all legs and prints an empty line; then it sends 20 ms of SRTP on each leg, spread over the
20 ms, and at the end prints {sent, received, expected, authentic, max_gap_ms}. authentic: legs whose last packet could
be decrypted and was speech.
"""

import json
import select
import sys
import time
from typing import Any

from pylibsrtp import Error as SrtpError

from callstream_media_gateway.media.arrays import FRAME
from callstream_media_gateway.media.browser_peer import BrowserPeer
from callstream_media_gateway.media.dtls import Identity
from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.media.wire import HEADER, parse
from callstream_media_gateway.media.worker_commands import IceLogin

_STEPS = 10
"""Groups of browsers per 20 ms."""
_CHECK_EVERY = 125
"""Frames between two checks of a leg: 2.5 s, as Chromium does it."""
_SPEECH = encode(sines((440,), FRAME), PCMA).tobytes()


class Load:
    """peers: connected; `run` talks for so long."""

    def __init__(self, peers: list[BrowserPeer], login: IceLogin) -> None:
        self._peers, self._login = peers, login
        self._groups = [list(enumerate(peers))[step::_STEPS] for step in range(_STEPS)]
        self._epoll = select.epoll()
        self._by_fd = {peer.sock.fileno(): peer for peer in peers}
        self._heard_s = dict.fromkeys(self._by_fd, 0.0)
        self._last: dict[int, bytes] = {}
        self._sent = self._received = self._authentic = 0
        self._max_gap_s = 0.0
        for peer in peers:
            peer.sock.setblocking(False)
            self._epoll.register(peer.sock, select.EPOLLIN)

    def run(self, seconds: float) -> dict[str, Any]:
        """Talk, listen, count."""
        begun = due = time.monotonic()
        number = 0
        while due < begun + seconds:
            for group in self._groups:
                self._send(group, number)
                due += 0.02 / _STEPS
                while True:
                    self._take(measuring=number > 50)
                    left = due - time.monotonic()
                    if left <= 0:
                        break
                    time.sleep(min(left, 0.001))
            number += 1
        return {
            "sent": self._sent,
            "received": self._received,
            "expected": round(seconds * 50 * len(self._peers)),
            "authentic": sum(self._is_speech(fd, data) for fd, data in self._last.items()),
            "max_gap_ms": round(self._max_gap_s * 1000, 1),
            "behind_ms": round((time.monotonic() - due) * 1000, 1),
        }

    def _send(self, group: list[tuple[int, BrowserPeer]], number: int) -> None:
        for leg, peer in group:
            header = HEADER.pack(0x80, PCMA, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, leg + 1)
            try:
                peer.sock.send(peer.protect(header + _SPEECH))
                if (number + leg) % _CHECK_EVERY == 0:
                    peer.check(self._login)
            except OSError:  # the worker's port is closed already
                return
            self._sent += 1

    def _take(self, *, measuring: bool) -> None:
        for fd, _ in self._epoll.poll(0, 4096):
            try:
                data = self._by_fd[fd].sock.recv(512)
            except OSError:
                continue
            if data[0] < 128 or 64 <= data[1] & 0x7F < 96:  # an answer to a check, or a report
                continue
            now = time.monotonic()
            self._received += 1
            self._last[fd] = data
            if measuring and self._heard_s[fd]:
                self._max_gap_s = max(self._max_gap_s, now - self._heard_s[fd])
            self._heard_s[fd] = now

    def _is_speech(self, fd: int, data: bytes) -> bool:
        try:
            packet = parse(self._by_fd[fd].unprotect(data))
        except SrtpError:
            return False
        return packet is not None and packet.payload_type == PCMA and len(packet.payload) == FRAME


def main() -> None:
    legs, seconds, host = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    identity = Identity()
    peers = [BrowserPeer(host, identity) for _ in range(legs)]
    print(json.dumps([[peer.peer.ufrag, identity.fingerprint] for peer in peers]), flush=True)  # noqa: T201 - the protocol
    told = json.loads(sys.stdin.readline())
    login = IceLogin(*told["login"])
    for peer, port in zip(peers, told["ports"], strict=True):
        peer.connect((host, port), login, told["fingerprint"])
    print(flush=True)  # noqa: T201
    print(json.dumps(Load(peers, login).run(seconds)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
