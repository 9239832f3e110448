"""Load for the bench: `python -m callstream_media_gateway.media.load LEGS SECONDS HOST`, the phones of many calls in
one process.

It prints its ports as a JSON list, reads the worker's ports as a JSON list from stdin, then sends 20 ms G.711 packets
on each leg, spread over the 20 ms as real phones are, and at the end prints {sent, received, lost, max_gap_ms}.
"""

import json
import select
import socket
import sys
import time

from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.media.wire import HEADER, HEADER_BYTES

_STEPS = 10
"""Groups of phones per 20 ms."""


def _send_group(group: list[tuple[socket.socket, bytearray]], number: int) -> int:
    for leg, (sock, packet) in enumerate(group):
        HEADER.pack_into(packet, 0, 0x80, PCMA, number & 0xFFFF, number * 160 & 0xFFFFFFFF, leg + 1)
        try:
            sock.send(packet)
        except OSError:  # the worker's port is closed already
            return leg
    return len(group)


def main() -> None:
    legs, seconds, host = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    socks = []
    for _ in range(legs):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((host, 0))
        socks.append(sock)
    print(json.dumps([sock.getsockname()[1] for sock in socks]), flush=True)  # noqa: T201 - the protocol of this program
    ports = json.loads(sys.stdin.readline())
    epoll = select.epoll()
    by_fd = {}
    speech = encode(sines((440,), 160), PCMA).tobytes()
    packets = [bytearray(HEADER_BYTES) + speech for _ in socks]
    for sock, port in zip(socks, ports, strict=True):
        sock.connect((host, port))
        epoll.register(sock, select.EPOLLIN)
        by_fd[sock.fileno()] = sock
    groups = [list(zip(socks, packets, strict=True))[step::_STEPS] for step in range(_STEPS)]
    sent = received = 0
    begun = due = time.monotonic()
    number, last_heard, max_gap = 0, dict.fromkeys(by_fd, 0.0), 0.0
    while due < begun + seconds:
        for group in groups:
            sent += _send_group(group, number)
            due += 0.02 / _STEPS
            while True:
                for fd, _ in epoll.poll(0, 4096):
                    try:
                        by_fd[fd].recv(512)
                    except OSError:
                        continue
                    received += 1
                    now = time.monotonic()
                    if last_heard[fd] and number > 50:
                        max_gap = max(max_gap, now - last_heard[fd])
                    last_heard[fd] = now
                left = due - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(left, 0.001))
        number += 1
    result = {
        "sent": sent,
        "received": received,
        "expected": round(seconds * 50 * legs),
        "max_gap_ms": round(max_gap * 1000, 1),
        "behind_ms": round((time.monotonic() - due) * 1000, 1),
    }
    print(json.dumps(result), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
