"""Whatever the cuts between two reads: ours to their handlers, the rest to nats-py, each in order and whole."""

import pytest

from callstream.runtime.frames import Frames

OURS, THEIRS = 7, 8
HEAD = b"NATS/1.0\r\nce-id: 1\r\n\r\n"
OF_OURS = [
    (b"cs.a", b"", b"one", None),
    (b"cs.b", b"$JS.ACK.x", b"", HEAD),
    (b"cs.c", b"", b"MSG cs.fake 7 3\r\nabc\r\n" * 3, HEAD),
    (b"cs.d", b"r", b"", None),
]


def wire(sid: int, message: tuple[bytes, bytes, bytes, bytes | None]) -> bytes:
    subject, reply, payload, headers = message
    words = [subject, b"%d" % sid, *([reply] if reply else [])]
    if headers is None:
        return b"MSG %s %d\r\n%s\r\n" % (b" ".join(words), len(payload), payload)
    return b"HMSG %s %d %d\r\n%s%s\r\n" % (b" ".join(words), len(headers), len(headers) + len(payload), headers, payload)


class NatsPy:
    """The reader and the parser of nats-py, as far as they are looked at: whole lines and messages are worked off at once."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.buf = bytearray()
        self.state = 1
        self.took = b""
        self.ours: list[tuple[bytes, ...]] = []

    def feed_data(self, data: bytes) -> None:
        self.buf += data
        while (end := self._end()) is not None:
            self.took += self.buf[:end]
            del self.buf[:end]

    def _end(self) -> int | None:
        line = self.buf.find(b"\r\n")
        if line < 0:
            return None
        words = self.buf[:line].split(b" ")
        end = line + 2 if words[0] not in (b"MSG", b"HMSG") else line + 2 + int(words[-1]) + 2
        return end if end <= len(self.buf) else None


def tapped() -> tuple[Frames, NatsPy, list[tuple[bytes, bytes, bytes, bytes | None]]]:
    got: list[tuple[bytes, bytes, bytes, bytes | None]] = []
    nats = NatsPy()

    frames = Frames({b"%d" % OURS: lambda *message: got.append(message)})
    frames.hook(nats, nats)
    return frames, nats, got


def test_whole_messages_never_reach_nats_py() -> None:
    frames, nats, got = tapped()
    frames.feed(b"".join(wire(OURS, message) for message in OF_OURS))
    assert got == OF_OURS
    assert nats.took == b""


STREAM = [
    b"PING\r\n",
    wire(OURS, OF_OURS[0]),
    wire(THEIRS, (b"cmd.x", b"inbox", b"MSG cs.fake 7 1\r\nx\r\n", HEAD)),
    wire(OURS, OF_OURS[1]),
    b'INFO {"x": 1}\r\n',
    wire(OURS, OF_OURS[2]),
    b"PONG\r\n",
    wire(OURS, OF_OURS[3]),
]


@pytest.mark.parametrize("size", [*range(1, 40), 1000])
def test_cut_anywhere_nothing_is_lost_doubled_or_torn(size: int) -> None:
    frames, nats, got = tapped()
    data = b"".join(STREAM)
    for at in range(0, len(data), size):
        frames.feed(data[at : at + size])
    # What nats-py had in hand when it came is nats-py's to parse: there it finds the handler by `_process_msg`.
    there = [message for message in OF_OURS if wire(OURS, message) in nats.took]
    assert sorted(map(str, got + there)) == sorted(map(str, OF_OURS))
    assert got == [message for message in OF_OURS if message in got], "in order"
    foreign = nats.took
    for message in there:
        foreign = foreign.replace(wire(OURS, message), b"")
    assert foreign == b"".join(part for part in STREAM if not any(part == wire(OURS, message) for message in OF_OURS))
    assert nats.buf == b""


def test_a_message_that_comes_in_pieces_is_put_together() -> None:
    frames, nats, got = tapped()
    data = wire(OURS, OF_OURS[2])
    line = data.index(b"\r\n") + 2
    frames.feed(data[: line + 1])
    frames.feed(data[line + 1 : -1])
    assert got == []
    frames.feed(data[-1:] + b"PING\r\n")
    assert got == [OF_OURS[2]]
    assert nats.took == b"PING\r\n"


@pytest.mark.parametrize(
    "odd",
    [
        b"MSG cs.a x 3\r\nabc\r\n",
        b"MSG cs.a 7\r\n",
        b"HMSG cs.a 7 a b c d 12\r\n",
        b"+OK\r\n",
        b"-ERR 'Permissions Violation'\r\n",
        b"nonsense\r\n",
    ],
)
def test_what_is_not_understood_goes_to_nats_py(odd: bytes) -> None:
    frames, nats, got = tapped()
    nats.feed_data = lambda data: setattr(nats, "took", nats.took + data)  # type: ignore[method-assign]
    frames.hook(nats, nats)
    frames.feed(odd)
    assert (nats.took, got) == (odd, [])


def test_while_nats_py_is_busy_all_goes_there() -> None:
    frames, nats, got = tapped()
    nats.state = 2
    frames.feed(wire(OURS, OF_OURS[0]))
    assert got == []
    assert nats.took == wire(OURS, OF_OURS[0])
