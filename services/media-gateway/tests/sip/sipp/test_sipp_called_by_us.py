"""Our phone calls sipp, which answers in every way that a phone or a trunk has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .called_by_us import CALLED_BY_US
from .scenario import Scenario, play

pytestmark = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed (package sip-tester)")


@pytest.mark.parametrize("scenario", CALLED_BY_US, ids=lambda row: row.name)
async def test_we_call_sipp(scenario: Scenario, tmp_path: Path) -> None:
    await play(scenario, tmp_path, called=True)
