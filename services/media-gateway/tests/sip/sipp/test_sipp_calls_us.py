"""sipp calls our phone, in every way that a phone or a trunk has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .calls_us import CALLS_US
from .scenario import Scenario, play

pytestmark = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed (package sip-tester)")


@pytest.mark.parametrize("scenario", CALLS_US, ids=lambda row: row.name)
async def test_sipp_calls_us(scenario: Scenario, tmp_path: Path) -> None:
    await play(scenario, tmp_path, called=False)
