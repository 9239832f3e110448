"""The demo from start to end: a copy of the whole system, a scenario, the verdict, and on request a copy to call in to."""

import asyncio
import secrets
import shutil
import signal
import time
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.live import Live

from callstream_local.config import StackOptions
from callstream_local.demo.board import Board
from callstream_local.demo.manifest import GUEST, NUMBER, agent_ids, demo_manifest
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.scenario import scenario
from callstream_local.demo.screen import LiveBoard, records_table
from callstream_local.demo.verdict import Verdict, judge, write_report
from callstream_local.folder import DataFolder
from callstream_local.lock import holder
from callstream_local.stack import Stack

REPORT = Path("build/demo-report.json")
DEMO_DATA = Path("build/demo")
PERFORMED_WITHIN_S = 600.0


async def run_demo(calls: int, agents: int, *, keep: bool, data: Path | None, seed: int, console: Console) -> bool:
    """Play it; whether everything was right. A given folder is used as it is; the demo's own is fresh each time."""
    async with AsyncExitStack() as cleaning:
        folder = data or fresh_folder()
        began = time.monotonic()
        stack = Stack(folder, StackOptions(durability="fast"))
        with console.status("starting the event log, the database and seven services"):
            await cleaning.enter_async_context(stack)
        console.print(f"everything is ready after {time.monotonic() - began:.1f} s; {agents} agents sign in")
        passwords = {user: secrets.token_urlsafe(9) for user in [*agent_ids(agents), GUEST]}
        plans = scenario(calls, agents, passwords, seed)
        board = Board()
        rehearsal = Rehearsal(stack, plans, demo_manifest(passwords), board.take)
        async with rehearsal:
            await rehearsal.prepare()
            with Live(LiveBoard(board, plans), console=console, refresh_per_second=5):
                async with asyncio.timeout(PERFORMED_WITHIN_S):
                    await rehearsal.perform()
                evidence = await rehearsal.settle()
            verdict = judge(evidence)
            write_report(verdict.report, REPORT)
            console.print(records_table(evidence, plans))
            _tell(verdict, stack, console)
            if keep:
                _invite(stack, passwords[GUEST], console)
                await _told_to_stop()
            await rehearsal.leave()
        with console.status("stopping"):
            await cleaning.aclose()
    return not verdict.problems


def fresh_folder(wanted: Path = DEMO_DATA) -> Path:
    """An empty folder below build/ that no running copy uses; recordings and logs of the last one are deleted only now."""
    for number in count(1):
        folder = wanted.with_name(f"{wanted.name}-{number}") if number > 1 else wanted
        if holder(DataFolder(folder)) is None:
            shutil.rmtree(folder, ignore_errors=True)
            return folder
    raise AssertionError("there is always a next number")


def _tell(verdict: Verdict, stack: Stack, console: Console) -> None:
    report = verdict.report
    endings = f"{report.answered} answered, {report.abandoned} abandoned, {report.ivr_ended} ended in the menu"
    console.print(
        f"{report.calls_placed} calls: {endings}; both sides heard each other in {report.audio_ok} of {report.answered}"
    )
    console.print(f"recordings (MP3, customer left, agent right): {stack.files / 'recordings'}", soft_wrap=True)
    console.print(f"figures: {REPORT}")
    for problem in verdict.problems:
        console.print(f"[bold red]wrong:[/] {problem}", highlight=False, soft_wrap=True)
    if not verdict.problems:
        console.print("[bold green]every call is accounted for, and the books balance[/]")


def _invite(stack: Stack, password: str, console: Console) -> None:
    """How to go on by hand: where to sign in, whom to call, and as whom to answer."""
    host, port = stack.sip_addr
    email, admin_password = stack.admin
    web = stack.http("console")
    login = f"""curl -s {web}/v1/login -d '{{"email": "{email}", "password": "{admin_password}"}}'"""
    lines = (
        "\n[bold]It stays up until Ctrl-C.[/] The simulated agents go on answering, each with a tone.",
        f"  call in      with a softphone on this machine: sip:{NUMBER}@{host}:{port}, then press 1 or 2",
        f"  answer       register a softphone as {GUEST} / {password} at {host}:{port} (UDP or TCP), then sign agent {GUEST} in:",
        f"""    TOKEN=$({login} | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')""",
        f'    curl -X POST {web}/v1/agents/{GUEST}/sign-in -H "Authorization: Bearer $TOKEN"',
        f"  sign in      {email} / {admin_password}",
        f"  API          console {web}, reporting {stack.http('reporting')}",
        f"  look inside  callstream calls --data {stack.folder.root} (also: events tail, status, logs)",
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
