"""A foreign phone: sipp calls the user agent and is called by it."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

import pytest

from callstream_local.ports import free_port
from callstream_media_gateway.sip.incoming_call import IncomingCall

from .phones import phones, until

SIPP = shutil.which("sipp")
pytestmark = pytest.mark.skipif(SIPP is None, reason="sipp is not installed (package sip-tester)")


async def sipp(tmp_path: Path, *arguments: str) -> tuple[int | None, str]:
    """Run sipp to its end; its exit status and the last screen it printed."""
    process = await asyncio.create_subprocess_exec(
        SIPP or "", *arguments, "-i", "127.0.0.1", "-nostdin", cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 40)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, output.decode(errors="replace")[-2000:]


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_calls_us(tmp_path: Path, transport: str) -> None:
    async with phones(1) as (phone,):

        def pick_up(call: IncomingCall) -> None:
            call.provisional(180)
            phone.answer(call)

        phone.when_called = pick_up
        host, port = phone.ua.local_addr
        status, screen = await sipp(tmp_path, "-sn", "uac", f"{host}:{port}", "-t", transport, "-m", "50", "-r", "50", "-d", "10")
        assert status == 0, screen
        assert phone.story.count("acked") == 50
        assert phone.story.count(("ended", "bye")) == 50
        assert phone.held("dialogs", "offered_calls") == 0
        assert phone.ua.counters["malformed"] == 0


async def test_we_call_sipp(tmp_path: Path) -> None:
    async with phones(1) as (phone,):
        port = free_port(udp=True)
        server = asyncio.create_task(sipp(tmp_path, "-sn", "uas", "-p", str(port), "-m", "20"))
        await reachable(port)
        for _ in range(20):
            phone.call(f"sip:sipp@127.0.0.1:{port}")
        await until(lambda: phone.story.count("answered") == 20)
        assert phone.story.count(("ringing", 180, False)) == 20
        for dialog in phone.dialogs:
            dialog.bye()
        status, screen = await server
        assert status == 0, screen


async def reachable(port: int) -> None:
    """Wait until something holds the port: sipp has started."""

    def taken() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return True
        return False

    await until(taken)
