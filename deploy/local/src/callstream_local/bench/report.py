"""build/bench.json: the newest figure of each key. A part run alone updates its own keys and leaves the others."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPORT = Path("build/bench.json")
MEASURED_AT = "measured_at"
"""Part → when it was measured last."""


def read(path: Path = REPORT) -> dict[str, Any]:
    """The report; empty when there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def merged(
    report: Mapping[str, Any], part: str, figures: Mapping[str, Any], machine: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The report with the figures of one more part."""
    known = report.get(MEASURED_AT)
    times = known if isinstance(known, dict) else {}
    return {
        "machine": dict(machine),
        MEASURED_AT: {**times, part: now.isoformat(timespec="seconds")},
        **{key: value for key, value in report.items() if key not in ("machine", MEASURED_AT)},
        **figures,
    }


def update(part: str, figures: Mapping[str, Any], machine: Mapping[str, Any], path: Path = REPORT) -> dict[str, Any]:
    """Bring the file up to date: a reader finds the old one or the new one, never a half."""
    report = merged(read(path), part, figures, machine, datetime.now(UTC))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(report, indent=2) + "\n")
    fresh.replace(path)
    return report
