"""`python -m tools.features`: how much of docs/features.md the tests prove, group by group.

Reads what the last runs of pytest wrote to build/features.json (tests/plugins/feature_report.py).
Exit status 1 when there is no report.
"""

import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools.feature_report import REPORT, Outcome, ReportError, RowReport, Status, load_report


def main(root: Path, console: Console) -> int:
    try:
        report = load_report(root / REPORT)
    except FileNotFoundError:
        console.print(f"There is no {REPORT} yet. Run the tests first: make test")
        return 1
    except ReportError as error:
        console.print(f"Not a report of features, run the tests again: {escape(str(error))}")
        return 1
    console.print(_groups(report))
    for number, row in report.items():
        if row.status is Status.FAILED:
            console.print(f"[red]failed[/] {number} {escape(row.title)}")
            for test in row.tests:
                if test.outcome is Outcome.FAILED:
                    console.print(f"       {escape(test.id)}", soft_wrap=True)
    return 0


def _groups(report: Mapping[str, RowReport]) -> Table:
    table = Table(title="Features with passing tests")
    table.add_column("Group")
    for heading in ("Covered", "Of", "Failed", "No test", "Skipped or\nnot run"):
        table.add_column(heading, justify="right")
    for group, rows in groupby(report.values(), key=lambda row: row.group):
        table.add_row(escape(group), *_counts(list(rows)))
    table.add_section()
    table.add_row("All", *_counts(list(report.values())), style="bold")
    return table


def _counts(rows: list[RowReport]) -> list[str]:
    """Rows covered, all, failed, without a test that ran, and how many of the last do have tests."""
    untested = [row for row in rows if row.status is Status.NO_TEST]
    counts = (
        sum(row.status is Status.COVERED_PASSED for row in rows),
        len(rows),
        sum(row.status is Status.FAILED for row in rows),
        len(untested),
        sum(bool(row.tests) for row in untested),
    )
    return [str(count) for count in counts]


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent, Console()))
