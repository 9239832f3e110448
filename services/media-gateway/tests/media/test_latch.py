"""Whose packets a leg takes: rows of arriving packets and the one that locks it."""

import pytest

from callstream_media_gateway.media.latch import PROOF, Latch
from callstream_media_gateway.media.worker_commands import Address

PHONE: Address = ("10.0.0.5", 4000)
NATTED: Address = ("192.0.2.7", 61000)
STRANGER: Address = ("198.51.100.9", 1234)

Arrival = tuple[Address, int, int]
"""(source, sequence number, SSRC)."""


def run(source: Address, count: int, first: int = 100, ssrc: int = 7) -> list[Arrival]:
    return [(source, (first + n) & 0xFFFF, ssrc) for n in range(count)]


STORIES: dict[str, tuple[Address | None, list[Arrival], int | None]] = {
    "the SDP address locks with its first packet": (PHONE, run(PHONE, 1), 0),
    "no SDP address: the first good packet": (None, run(NATTED, 1), 0),
    "behind NAT: after enough packets in sequence": (PHONE, run(NATTED, PROOF), PROOF - 1),
    "the sequence may wrap": (PHONE, run(NATTED, PROOF, first=0xFFFE), PROOF - 1),
    "a few stray packets never": (PHONE, run(STRANGER, PROOF - 1), None),
    "the same packet again and again never": (PHONE, [(STRANGER, 5, 7)] * 50, None),
    "random sequence numbers never": (PHONE, [(STRANGER, n * 37 % 65536, 7) for n in range(50)], None),
    "a new SSRC each time never": (PHONE, [(STRANGER, n, n) for n in range(50)], None),
    "two strangers in turn never": (PHONE, [a for n in range(30) for a in ((STRANGER, n, 7), (NATTED, n, 8))], None),
    "the phone wins over a stranger that was first": (PHONE, run(STRANGER, PROOF - 1) + run(PHONE, 1), PROOF - 1),
    "right host, wrong port must prove itself": (PHONE, run((PHONE[0], 9), PROOF), PROOF - 1),
}


@pytest.mark.parametrize("name", STORIES)
def test_which_packet_locks(name: str) -> None:
    remote, arrivals, expected = STORIES[name]
    latch = Latch(remote)
    locked = [latch.accepts(*arrival) for arrival in arrivals]
    assert (locked.index(True) if True in locked else None) == expected
