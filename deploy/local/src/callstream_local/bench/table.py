"""The figures as a table, with the machine that they were measured on."""

from collections.abc import Mapping, Set
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from callstream_local.bench.targets import ROWS

OTHERS = "Asterisk, mod_callcenter"
DURABILITY = "event log and database wait for the disk (the default) unless a line says otherwise"


def table(report: Mapping[str, Any], keys: Set[str]) -> Table:
    """The rows whose keys are given."""
    shown = Table(title=_title(report.get("machine", {})), caption=DURABILITY, box=SIMPLE_HEAD, title_justify="left")
    for name in ("figure", "measured", "", "target", "", OTHERS):
        shown.add_column(name, justify="right" if name in ("measured", "target", OTHERS) else "left", no_wrap=True)
    for row in ROWS:
        value = row.value(report)
        if row.key in keys and value is not None:
            shown.add_row(row.what, f"{value:g}", row.unit, row.target, _mark(row.is_met(value)), row.others)
    return shown


def by_process(report: Mapping[str, Any], key: str, title: str) -> Table | None:
    """A figure by process, if it was measured."""
    found = report.get(key)
    if not isinstance(found, dict):
        return None
    shown = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    shown.add_column("process")
    shown.add_column("", justify="right")
    for name, value in found.items():
        shown.add_row(name, f"{value:g}")
    return shown


def _title(machine: Mapping[str, Any]) -> str:
    size = f"{machine.get('cores')} cores ({machine.get('processor')}), {machine.get('memory_mb')} MB"
    kind = f"Linux {machine.get('kernel')}, Python {machine.get('python')}"
    speed = " and ".join(f"{ms:g}" for ms in machine.get("core_ms", ()))
    return f"{size}, {kind}, load before {machine.get('load_before')}, fixed work {speed} ms"


def _mark(met: bool | None) -> Text:
    if met is None:
        return Text("")
    return Text("met", style="green") if met else Text("missed", style="bold red")
