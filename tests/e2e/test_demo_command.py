"""`callstream demo` as a newcomer runs it, small."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callstream_local.cli import app
from callstream_local.demo import run

KEYS = ["calls_placed", "answered", "abandoned", "ivr_ended", "records", "recordings"]
KEYS += ["audio_ok", "stuck_agents", "books_balance", "seconds"]


@pytest.mark.timeout(180)
async def test_the_demo_places_calls_checks_them_and_writes_its_report(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "callstream_local.cli", "demo", "--calls", "6", "--agents", "2"]
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    text = told.decode()
    assert process.returncode == 0, text
    report = json.loads(await asyncio.to_thread((tmp_path / "build" / "demo-report.json").read_bytes))
    assert list(report) == KEYS
    assert report["calls_placed"] == report["records"] == 6
    assert report["answered"] == report["audio_ok"] == report["recordings"] > 0
    assert (report["stuck_agents"], report["books_balance"]) == (0, True)
    assert "Service records" in text
    recordings = await asyncio.to_thread(lambda: list((tmp_path / "build" / "demo").rglob("*.mp3")))
    assert len(recordings) == report["recordings"]


@pytest.mark.parametrize(("right", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_says_whether_all_was_right(monkeypatch: pytest.MonkeyPatch, right: bool, status: int) -> None:
    async def play(*_: object, **__: object) -> bool:
        return right

    monkeypatch.setattr(run, "run_demo", play)
    assert CliRunner().invoke(app, ["demo"]).exit_code == status
