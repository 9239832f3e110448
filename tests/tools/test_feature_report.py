"""The report after one run and after the next: what changes, what stays, what disappears."""

from pathlib import Path
from threading import Barrier, Thread

import pytest
from tools.feature_report import (
    KnownTest,
    Outcome,
    ReportError,
    Run,
    Status,
    Verdict,
    build_report,
    known_tests,
    load_report,
    merge,
    update_report,
)
from tools.feature_rows import Row

PASSED, FAILED, SKIPPED, NOT_RUN = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.NOT_RUN
ROWS = {number: Row(number, "A. Calls", f"title of {number}", "rule") for number in ("F001", "F002", "F003")}


def carries(*features: str, outcome: Outcome = PASSED) -> KnownTest:
    return KnownTest(frozenset(features), outcome)


KNOWN = {"a.py::test_one": carries("F001"), "a.py::TestB::test_two[x::y]": carries("F002")}
ONE, TWO = KNOWN


@pytest.mark.parametrize(
    ("story", "run", "expected"),
    [
        ("nothing was looked at", Run(), KNOWN),
        (
            "a known test fails now",
            Run(tests={ONE: frozenset({"F001"})}, outcomes={ONE: FAILED}),
            KNOWN | {ONE: carries("F001", outcome=FAILED)},
        ),
        ("a known test was collected and not run", Run(tests={ONE: frozenset({"F001"})}), KNOWN),
        (
            "a new test was collected and not run",
            Run(tests={"c.py::test_three": frozenset({"F003"})}),
            KNOWN | {"c.py::test_three": carries("F003", outcome=NOT_RUN)},
        ),
        (
            "a test moved to another row",
            Run(tests={ONE: frozenset({"F003"})}, outcomes={ONE: PASSED}),
            KNOWN | {ONE: carries("F003")},
        ),
        ("a test lost its marker", Run(tests={ONE: frozenset()}, outcomes={ONE: PASSED}), {TWO: KNOWN[TWO]}),
        ("a function is gone", Run(children={"a.py": {"a.py::TestB"}}), {TWO: KNOWN[TWO]}),
        ("a class is gone", Run(children={"a.py": {ONE}}), {ONE: KNOWN[ONE]}),
        ("a class was seen and not looked into", Run(children={"a.py": {ONE, "a.py::TestB"}}), KNOWN),
        (
            "a parameter is gone",
            Run(children={"a.py": {ONE, "a.py::TestB"}, "a.py::TestB": {"a.py::TestB::test_two[z]"}}),
            {ONE: KNOWN[ONE]},
        ),
        (
            "a parameter with colons is still there",
            Run(children={"a.py": {ONE, "a.py::TestB"}, "a.py::TestB": {TWO}}),
            KNOWN,
        ),
        (
            "the file does not import any more",
            Run(outcomes={"a.py": FAILED}),
            {ONE: carries("F001", outcome=FAILED), TWO: carries("F002", outcome=FAILED)},
        ),
        (
            "the class was skipped as a whole",
            Run(outcomes={"a.py::TestB": SKIPPED}),
            KNOWN | {TWO: carries("F002", outcome=SKIPPED)},
        ),
        ("only the outcome is known", Run(outcomes={ONE: FAILED}), KNOWN | {ONE: carries("F001", outcome=FAILED)}),
        ("a test without features ran", Run(outcomes={"d.py::test_plain": PASSED}), KNOWN),
    ],
)
def test_a_run_changes_what_it_learned(story: str, run: Run, expected: dict[str, KnownTest]) -> None:
    assert merge(KNOWN, run, lambda _: True) == expected, story


def test_tests_of_a_file_that_is_gone_disappear() -> None:
    known = KNOWN | {"e.py::test_old": carries("F003")}
    assert merge(known, Run(), lambda file: file != "e.py") == KNOWN


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], Status.NO_TEST),
        ([SKIPPED], Status.NO_TEST),
        ([NOT_RUN, SKIPPED], Status.NO_TEST),
        ([PASSED], Status.COVERED_PASSED),
        ([SKIPPED, PASSED, NOT_RUN], Status.COVERED_PASSED),
        ([PASSED, FAILED], Status.FAILED),
        ([NOT_RUN, FAILED], Status.FAILED),
    ],
)
def test_the_status_of_a_row(outcomes: list[Outcome], status: Status) -> None:
    tests = {f"a.py::test_{index}": carries("F002", outcome=outcome) for index, outcome in enumerate(outcomes)}
    report = build_report(ROWS, tests)
    assert {number: row.status for number, row in report.items()} == {
        "F001": Status.NO_TEST,
        "F002": status,
        "F003": Status.NO_TEST,
    }
    assert [test.outcome for test in report["F002"].tests] == outcomes


def test_a_report_gives_its_tests_back() -> None:
    tests = {ONE: carries("F001", "F003", outcome=FAILED), TWO: carries("F003", outcome=NOT_RUN)}
    assert known_tests(build_report(ROWS, tests)) == tests


def test_a_row_that_left_the_page_leaves_the_report() -> None:
    report = build_report({"F001": ROWS["F001"]}, {ONE: carries("F001", "F003")})
    assert known_tests(report) == {ONE: carries("F001")}


def test_a_report_that_cannot_be_read_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "build" / "features.json"
    path.parent.mkdir()
    path.write_text('{"F001": {"title": 7}}')
    with pytest.raises(ReportError, match="title"):
        load_report(path)
    (tmp_path / "a.py").touch()
    update_report(path, ROWS, Run(tests={ONE: frozenset({"F001"})}, outcomes={ONE: PASSED}), tmp_path)
    assert load_report(path)["F001"].tests == [Verdict(ONE, PASSED)]


def test_runs_that_end_at_once_lose_nothing(tmp_path: Path) -> None:
    path, barrier, names = tmp_path / "features.json", Barrier(8), [f"f{index}.py" for index in range(8)]

    def finish(name: str) -> None:
        (tmp_path / name).touch()
        test = f"{name}::test"
        barrier.wait()
        update_report(path, ROWS, Run(tests={test: frozenset({"F001"})}, outcomes={test: PASSED}), tmp_path)

    threads = [Thread(target=finish, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [test.id for test in load_report(path)["F001"].tests] == [f"{name}::test" for name in names]
