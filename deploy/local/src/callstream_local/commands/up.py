"""`callstream up`: start everything and keep it running."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callstream_local.parameters import DataOption, parse_copies, parse_ports, told

if TYPE_CHECKING:
    from callstream_local.stack import Stack


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    data: DataOption = None,
    listen: Annotated[
        str, typer.Option(help="Address for SIP, RTP, console and reporting; the rest stays on loopback.")
    ] = "127.0.0.1",
    port: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=NUMBER, repeatable; sip, sip_tls, sip_wss, rtp, nats, postgres, console, … Others are chosen free."
        ),
    ] = None,
    copies: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=NUMBER, repeatable; routing and agent-state: they share the tenants and stand in for each other."
        ),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not wait for the disk: survives a kill, not a power cut.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background.")] = False,
) -> None:
    """Start everything in one data folder and keep it running until Ctrl-C or `callstream down`."""
    from callstream_local.config import StackOptions, data_folder
    from callstream_local.detached import start_detached
    from callstream_local.embedded.errors import ServerError
    from callstream_local.lock import FolderInUseError
    from callstream_local.ports import PortError
    from callstream_local.stack import Stack, StackError

    folder = data_folder(data)
    ports, replicas = parse_ports(port or []), parse_copies(copies or [])
    with told(FolderInUseError, PortError, ServerError, StackError, ValueError, OSError):
        if detach:
            start_detached(folder, listen=listen, ports=ports, copies=replicas, fast=fast)
        else:
            options = StackOptions(listen=listen, durability="fast" if fast else "safe", ports=ports, replicas=replicas)
            asyncio.run(run(Stack(folder, options)))


async def run(stack: "Stack") -> None:
    """Start, report, wait for SIGTERM or SIGINT, stop. A second signal kills: the children die with us."""
    told_to_stop = asyncio.Event()

    def on_signal() -> None:
        if told_to_stop.is_set():
            os._exit(1)
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    stopping = asyncio.create_task(told_to_stop.wait())
    starting = asyncio.create_task(stack.start())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait([starting])
        return
    starting.result()
    report(stack)
    await stopping
    typer.echo("stopping …")
    await stack.stop()


def report(stack: "Stack") -> None:
    """Where everything is, for the person who started it."""
    email, password = stack.admin
    slowest = max(stack.start_seconds, key=stack.start_seconds.__getitem__)
    seconds = stack.start_seconds[slowest]
    typer.echo(f"ready after {seconds:.1f} s ({slowest} was last)")
    typer.echo(f"  SIP        {stack.sip_addr[0]}:{stack.sip_addr[1]} (UDP and TCP)")
    for name, address in stack.sip_doors.items():
        typer.echo(f"  {f'SIP {name.upper()}':<10} {address}")
    for name, service in stack.services.items():
        if service.public_http:
            typer.echo(f"  {name:<10} {stack.http(name)}")
    typer.echo(f"  sign in    {email} / {password}")
    typer.echo(f"  data       {Path(stack.folder.root)}")
