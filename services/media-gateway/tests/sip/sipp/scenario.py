"""One row of the tables: what sipp does, what our phone does, and what our phone's owner must have heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callstream_local.ports import free_port
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.incoming_call import IncomingCall

from ..phones import FAST, Phone, phones, until
from ..test_registration import serve
from .script import Step, document

AT_MOST_S = 15


async def nothing(_phone: Phone) -> None:
    """The phone's user does nothing more."""


@dataclass(frozen=True)
class Scenario:
    """steps: sipp's. rings: what our phone does when sipp calls it. then: what its user does besides. serves: our side is a
    registrar. heard: what the phone's owner must have heard, in this order, among other things."""

    name: str
    steps: list[Step]
    heard: tuple[Any, ...] = ()
    rings: Callable[[Phone, IncomingCall], Any] = lambda phone, call: answer(phone, call)
    then: Callable[[Phone], Awaitable[None]] = nothing
    transport: str = "u1"
    serves: bool = False
    config: tuple[tuple[str, Any], ...] = ()
    call: tuple[tuple[str, Any], ...] = ()


def answer(phone: Phone, call: IncomingCall) -> None:
    try:
        dialog = phone.answer(call)
    except NotAcceptableError:
        call.reject(488)
        return
    dialog.on_info = lambda kind, body: phone.story.append(("info", kind))
    dialog.on_held = lambda: phone.story.append("held")
    dialog.on_retrieved = lambda: phone.story.append("retrieved")


def ring(phone: Phone, call: IncomingCall) -> None:
    call.provisional(180)
    answer(phone, call)


async def play(scenario: Scenario, folder: Path, *, called: bool) -> Phone:
    """Let sipp call our phone, or be called by it. Raises AssertionError with sipp's own words when it did not go as written."""
    async with phones(1, **{**FAST, **dict(scenario.config)}) as (phone,):
        if scenario.serves:
            serve(phone)
        phone.when_called = lambda call: scenario.rings(phone, call)
        port = free_port("127.0.0.1", udp=True)
        host, ours = phone.ua.local_addr
        file = folder / "scenario.xml"
        file.write_text(document(scenario.name, scenario.steps))
        argv = ["sipp", "-sf", str(file), "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-t", scenario.transport, "-nostdin"]
        argv += ["-timeout", f"{AT_MOST_S}s", "-timeout_error", "-deadcall_wait", "0", "-timer_resol", "5", "-trace_err"]
        argv += ["-error_file", str(folder / "errors.log")] + ([] if called else ["-s", "phone", f"{host}:{ours}"])
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            if called:
                await _listening(port, scenario.transport)
                hop = Hop("udp" if scenario.transport == "u1" else "tcp", "127.0.0.1", port)
                phone.placed = phone.call(f"sip:sipp@127.0.0.1:{port}", next_hop=hop, **dict(scenario.call))  # type: ignore[attr-defined]
            user = asyncio.create_task(scenario.then(phone))
            output, _ = await asyncio.wait_for(process.communicate(), AT_MOST_S + 5)
        finally:
            if process.returncode is None:
                process.kill()
        errors = folder / "errors.log"
        told = errors.read_text() if errors.exists() else output.decode(errors="replace")[-1500:]
        assert process.returncode == 0, f"sipp ended with {process.returncode}, we heard {phone.story}\n{told}"
        await asyncio.wait_for(user, 5)
        try:
            await until(lambda: _in_order(scenario.heard, phone.story), 5)
        except TimeoutError:
            raise AssertionError(f"we heard {phone.story}") from None
        await until(lambda: phone.held("dialogs", "offered_calls", "early_dialogs") == 0, 5)
        counters = phone.ua.counters
        assert (counters["internal_errors"], counters["handler_errors"]) == (0, 0)
    return phone


def _in_order(wanted: tuple[Any, ...], story: list[Any]) -> bool:
    rest = iter(story)
    return all(any(line == heard for heard in rest) for line in wanted)


async def _listening(port: int, transport: str) -> None:
    """Wait until something holds the port: sipp has started."""
    table = Path("/proc/net/udp" if transport == "u1" else "/proc/net/tcp")
    await until(lambda: f":{port:04X} " in table.read_text())
