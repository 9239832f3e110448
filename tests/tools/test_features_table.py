"""`make features`: the table by group, the failing tests by name, and a clear word when there is no report."""

from io import StringIO
from pathlib import Path

from rich.console import Console
from tools.feature_report import REPORT, Outcome, Run, update_report
from tools.feature_rows import Row
from tools.features import main

ROWS = {
    "F001": Row("F001", "A. Calls", "Hold (保持)", "rule"),
    "F002": Row("F002", "A. Calls", "Mute", "rule"),
    "F003": Row("F003", "B. Agents", "Idle", "rule"),
}


def shown(root: Path) -> tuple[int, str]:
    output = StringIO()
    status = main(root, Console(file=output, width=100))
    return status, output.getvalue()


def row_of(text: str, heading: str) -> list[str]:
    line = next(line for line in text.splitlines() if heading in line)
    return [cell.strip() for cell in line.strip("│┃ ").split("│")]


def test_groups_are_counted_and_failing_tests_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    run = Run(
        tests={
            "a.py::test_hold": frozenset({"F001"}),
            "a.py::test_mute[on]": frozenset({"F002"}),
            "a.py::test_idle": frozenset({"F003"}),
        },
        outcomes={"a.py::test_hold": Outcome.PASSED, "a.py::test_mute[on]": Outcome.FAILED},
    )
    update_report(tmp_path / REPORT, ROWS, run, tmp_path)
    status, text = shown(tmp_path)
    assert status == 0
    assert row_of(text, "A. Calls") == ["A. Calls", "1", "2", "1", "0", "0"]
    assert row_of(text, "B. Agents") == ["B. Agents", "0", "1", "0", "1", "1"]
    assert row_of(text, "All") == ["All", "1", "3", "1", "1", "1"]
    assert "failed F002 Mute" in text
    assert "a.py::test_mute[on]" in text
    assert "test_hold" not in text


def test_without_a_report_it_says_what_to_do(tmp_path: Path) -> None:
    assert shown(tmp_path) == (1, "There is no build/features.json yet. Run the tests first: make test\n")


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / REPORT).parent.mkdir()
    (tmp_path / REPORT).write_text("[]")
    status, text = shown(tmp_path)
    assert status == 1
    assert "Not a report of features" in text
