"""The worker's end of the Unix socket: one master at a time, events kept until acknowledged.

It is driven by the worker's loop (`poll`), not by a thread or asyncio: commands are applied between two ticks. What it has to
say leaves at the end of a `poll`, all at once: each write wakes the master.
"""

import contextlib
import fcntl
import logging
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from callstream_media_gateway.media.protocol import (
    LENGTH_BYTES,
    MAX_FRAME_BYTES,
    MAX_KEPT_EVENTS,
    Ack,
    Done,
    EventMessage,
    FromSignalling,
    FromWorker,
    Replaced,
    Reply,
    Request,
    Snapshot,
)
from callstream_media_gateway.media.worker_events import AnyEvent

log = logging.getLogger(__name__)

_MAX_UNSENT = 16 * 1024 * 1024
"""A master that does not read is cut off; its events stay kept."""


class SocketTakenError(Exception):
    """Another worker answers at this path."""


class _Number(msgspec.Struct):
    """What can be read of a request that cannot be read as a whole."""

    request_id: int


class _Connection:
    """congested: not all of outgoing could be sent. deaf: nothing can be sent any more, what has come is read to its end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.congested = False
        self.deaf = False


class Control:
    """answer: applies a request, None when it is done and there is nothing to say; greet: what a new master is told first;
    woken: called after `wake` from any thread.
    """

    def __init__(
        self,
        path: Path,
        worker_id: str,
        answer: Callable[[Request], Reply | None],
        greet: Callable[[], Snapshot],
        woken: Callable[[], None],
    ) -> None:
        self.dropped = 0
        self._path = path
        self._worker_id = worker_id
        self._answer, self._greet, self._woken = answer, greet, woken
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromSignalling)
        self._sequence = 0
        self._done = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._master: _Connection | None = None
        # The lock outlives a stale socket file: it says whether a worker is alive, connecting would take over its
        # master.
        self._lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SocketTakenError(f"a media worker is running at {path}") from None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(4)
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._epoll.register(self._bell, select.EPOLLIN)

    @property
    def kept(self) -> int:
        return len(self._kept)

    @property
    def wake_fd(self) -> int:
        """For signal.set_wakeup_fd."""
        return self._rope.fileno()

    def wake(self) -> None:
        """Have `woken` called by the next `poll`, and end one that waits; from any thread."""
        with contextlib.suppress(BlockingIOError):
            self._rope.send(b"!")

    def emit(self, event: AnyEvent) -> None:
        """Keep the event; the next `poll` sends it when there is a master."""
        self._sequence += 1
        event_id = f"{self._worker_id}-{self._sequence}"
        event = msgspec.structs.replace(event, event_id=event_id, at_ms=time.time_ns() // 1_000_000)
        frame = self._frame(EventMessage(event))
        if len(self._kept) == MAX_KEPT_EVENTS:
            self._kept.popleft()
            self.dropped += 1
        self._kept.append((self._sequence, frame))
        if self._master is not None:
            self._send(self._master, frame)

    def poll(self, timeout_s: float | None) -> None:
        """Deal with what comes on the socket, waiting at most timeout_s for it (None: for ever); send what there is to say."""
        for fd, _ in self._epoll.poll(timeout_s):
            if fd == self._listener.fileno():
                self._accept()
            elif fd == self._bell.fileno():
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)
                self._woken()
            elif self._master is not None and fd == self._master.sock.fileno():
                self._receive(self._master)
        if self._master is not None:
            self._flush(self._master)

    def close(self, linger_s: float = 1.0) -> None:
        """Leave, when the master has dealt with all events or after linger_s.

        Closing earlier would make its next acknowledgement fail, and with it the reading of what it has not read yet.
        """
        deadline = time.monotonic() + linger_s
        self.poll(0)
        while self._master is not None and self._kept and time.monotonic() < deadline:
            self.poll(0.05)
        if self._master is not None:
            self._drop(self._master)
        self._path.unlink(missing_ok=True)
        self._listener.close()
        os.close(self._lock)

    # --- connections ------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        if self._master is not None:
            self._receive(self._master)  # what it ordered before it died is in the snapshot
        if self._master is not None:
            log.warning("a new master connects, the former one is let go")
            self._send(self._master, self._frame(Replaced()))
        if self._master is not None:
            self._flush(self._master)
            self._drop(self._master)
        self._master = connection = _Connection(sock)
        self._epoll.register(sock, select.EPOLLIN)
        connection.outgoing += self._frame(self._greet())
        for _, frame in self._kept:
            connection.outgoing += frame

    def _drop(self, connection: _Connection) -> None:
        self._epoll.unregister(connection.sock)
        connection.sock.close()
        self._master = None
        self._done = 0

    def _send(self, connection: _Connection, frame: bytes) -> None:
        if connection.deaf:
            return
        connection.outgoing += frame
        if len(connection.outgoing) > _MAX_UNSENT:
            log.error("the master does not read, it is let go")
            self._drop(connection)

    def _flush(self, connection: _Connection) -> None:
        if connection.deaf:
            return
        if self._done:
            connection.outgoing += self._frame(Done(self._done))
            self._done = 0
        if not connection.outgoing:
            return
        try:
            del connection.outgoing[: connection.sock.send(connection.outgoing)]
        except BlockingIOError:
            pass
        except OSError as error:
            # Not dropped yet: orders that a killed signalling process had sent are in its notes, and must be done.
            log.warning("master lost: %s", error)
            connection.deaf = True
            connection.outgoing.clear()
        if connection.congested != bool(connection.outgoing):
            connection.congested = not connection.congested
            self._epoll.modify(connection.sock, select.EPOLLIN | (select.EPOLLOUT if connection.congested else 0))

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            log.warning("master disconnected")
            self._drop(connection)
            return
        buffer = connection.incoming
        buffer += data
        start = 0
        while len(buffer) - start >= LENGTH_BYTES:
            length = int.from_bytes(buffer[start : start + LENGTH_BYTES], "big")
            if length > MAX_FRAME_BYTES:
                log.error("a frame of %d bytes from the master, it is let go", length)
                self._drop(connection)
                return
            end = start + LENGTH_BYTES + length
            if end > len(buffer):
                break
            self._message(connection, bytes(buffer[start + LENGTH_BYTES : end]))
            if self._master is not connection:
                return
            start = end
        del buffer[:start]

    def _message(self, connection: _Connection, body: bytes) -> None:
        try:
            message = self._decoder.decode(body)
        except msgspec.DecodeError as error:
            log.error("unreadable message from the master: %s", error)
            with contextlib.suppress(msgspec.DecodeError):
                number = msgspec.msgpack.decode(body, type=_Number).request_id
                self._send(connection, self._frame(Reply(number, "bad-argument", str(error))))
            return
        if isinstance(message, Ack):
            self._forget(message)
            return
        reply = self._answer(message)
        if reply is None:
            self._done = message.request_id
        else:
            self._done = 0
            self._send(connection, self._frame(reply))

    def _forget(self, ack: Ack) -> None:
        worker, _, sequence = ack.event_id.rpartition("-")
        if worker != self._worker_id or not sequence.isdecimal():
            return
        while self._kept and self._kept[0][0] <= int(sequence):
            self._kept.popleft()

    def _frame(self, message: FromWorker) -> bytes:
        body = self._encoder.encode(message)
        return len(body).to_bytes(LENGTH_BYTES, "big") + body
