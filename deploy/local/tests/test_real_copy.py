"""The product's own services in one copy: they start with the permissions of the table, and come back when killed."""

from pathlib import Path
from urllib.request import urlopen

import psutil
from typer.testing import CliRunner

from callstream_local import state
from callstream_local.cli import app
from callstream_local.config import StackOptions
from callstream_local.folder import DataFolder
from callstream_local.lock import holder
from callstream_local.services import SERVICES
from callstream_local.stack import Stack


async def test_every_part_comes_back_when_it_is_killed(tmp_path: Path) -> None:
    async with Stack(tmp_path, StackOptions(durability="fast")) as stack:
        names = list(stack.pids())
        assert set(names) == {"nats", "postgres", *(service.name for service in SERVICES)}
        for name in names:
            killed = await stack.kill(name)
            await stack.ready(name)
            assert stack.pids()[name] != killed
        for name in names:
            await stack.ready(name)  # the others found their servers again
        violations = [line for line in stack.log_path("nats").read_text().splitlines() if "Violation" in line]
    assert violations == []


def test_in_the_background_from_the_command_line(tmp_path: Path) -> None:
    cli, data = CliRunner(), ["--data", str(tmp_path)]
    up = cli.invoke(app, ["up", "--detach", "--fast", *data])
    try:
        assert up.exit_code == 0, up.output
        assert "sign in" in up.output
        assert cli.invoke(app, ["status", *data]).exit_code == 0
        again = cli.invoke(app, ["up", "--detach", *data])
        assert (again.exit_code, "already runs" in again.output) == (1, True)
        now = state.read(DataFolder(tmp_path))
        assert now is not None
        for part in now.parts.values():
            if part.http:
                with urlopen(part.http + "/metrics") as answer:
                    assert b"# HELP" in answer.read()
    finally:
        down = cli.invoke(app, ["down", *data])
    assert down.output == "stopped\n"
    assert holder(DataFolder(tmp_path)) is None
    assert not any(part.pid and psutil.pid_exists(part.pid) for part in now.parts.values())
