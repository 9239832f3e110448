"""Ports for tests that run at the same time: each worker of pytest-xdist draws from a share of its own.

A port is found free here and bound a moment later, often by another program; the other worker must not find it free meanwhile.
Programs that choose ports themselves (`callstream up`) draw from all of them: of 6,768, a moment apart.
"""

import os
import random
import socket

import pytest

import callstream_local.ports

_RTP = range(12_000, callstream_local.ports.RTP_PORTS.stop)


def pytest_configure(config: pytest.Config) -> None:
    callstream_local.ports.SERVICE_PORTS = _share(callstream_local.ports.SERVICE_PORTS)


def rtp_range(count: int = 400) -> str:
    """`LOW-HIGH` for a media worker, LOW even. Single ports that are taken it passes over; whole stretches we pass over."""
    share = _share(_RTP)
    while True:
        low = random.randrange(share.start, share.stop - count, 2)
        if all(_is_free(port) for port in range(low, low + count, max(1, count // 20))):
            return f"{low}-{low + count}"


def _share(ports: range) -> range:
    """This worker's; all, in a run without workers. A worker that was killed is replaced by one with the next number."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % workers
    size = len(ports) // workers & ~1
    return ports[worker * size : (worker + 1) * size]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
