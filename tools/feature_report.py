"""What build/features.json says: for every row the tests that carry it, their outcomes, and what follows for the row.

Several runs of pytest write one report. Each run changes only what it learned: outcomes of the tests it ran, tests that are
new, tests that are gone. A file is replaced as a whole and under a lock, so two runs at once lose nothing and a killed run
leaves the report of the run before.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import msgspec

from tools.feature_rows import Row

REPORT = "build/features.json"
"""Where it stands, below the root of the repository."""


class Outcome(StrEnum):
    """How a test ended, the last time it ran. Not-run: no run of it is known."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_RUN = "not-run"


class Status(StrEnum):
    """What the tests say about a row.

    Failed: at least one of its tests failed. Covered-passed: at least one passed and none failed. No-test: no test of it has
    run; tests that were skipped or never ran are listed and prove nothing.
    """

    COVERED_PASSED = "covered-passed"
    FAILED = "failed"
    NO_TEST = "no-test"


class Verdict(msgspec.Struct, frozen=True):
    """A test (pytest's node id) and how it ended."""

    id: str
    outcome: Outcome


class RowReport(msgspec.Struct, frozen=True):
    """One row of the report, as it stands in the file under its number."""

    title: str
    group: str
    status: Status
    tests: list[Verdict]


@dataclass(frozen=True, slots=True)
class KnownTest:
    """A test that carries features, as known after some run."""

    features: frozenset[str]
    outcome: Outcome


@dataclass(slots=True)
class Run:
    """What one run of pytest learned. All keys are node ids."""

    tests: dict[str, frozenset[str]] = field(default_factory=dict)
    """Every test collected, deselected ones too, with its features; none is an empty set."""
    children: dict[str, set[str]] = field(default_factory=dict)
    """The files and classes that were listed in full, with all that stands in them."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of the tests that ran, and of files and classes that could not be collected or were skipped as a whole."""


class ReportError(ValueError):
    """The file is not a report; the message says where."""


def merge(known: Mapping[str, KnownTest], run: Run, file_exists: Callable[[str], bool]) -> dict[str, KnownTest]:
    """The tests known after `run`, given those known before it.

    `file_exists` answers for the first part of a node id. A known test is dropped when its file is gone, when its file or class
    was listed without it, or when it carries no feature any more. What the run did not look at stays as it is.
    """
    merged = {}
    for node_id, test in known.items():
        chain = _chain(node_id)
        if not file_exists(chain[0]) or _was_listed_without(chain, run):
            continue
        outcomes = [run.outcomes[link] for link in chain if link in run.outcomes]
        merged[node_id] = replace(test, outcome=outcomes[-1]) if outcomes else test
    for node_id, features in run.tests.items():
        if features:
            before = merged[node_id].outcome if node_id in merged else Outcome.NOT_RUN
            merged[node_id] = KnownTest(features, run.outcomes.get(node_id, before))
        else:
            merged.pop(node_id, None)
    return merged


def _chain(node_id: str) -> list[str]:
    """A test and all it stands in, outermost first: `a.py`, `a.py::TestB`, `a.py::TestB::test_c[1]`."""
    path, bracket, parameters = node_id.partition("[")  # parameters may contain `::`
    parts = path.split("::")
    return ["::".join(parts[:length]) for length in range(1, len(parts))] + [path + bracket + parameters]


def _was_listed_without(chain: list[str], run: Run) -> bool:
    return any(parent in run.children and child not in run.children[parent] for parent, child in pairwise(chain))


def build_report(rows: Mapping[str, Row], tests: Mapping[str, KnownTest]) -> dict[str, RowReport]:
    """Every row of the page, in its order, with its tests sorted by node id."""
    by_row: dict[str, list[Verdict]] = {number: [] for number in rows}
    for node_id, test in sorted(tests.items()):
        for number in test.features & by_row.keys():
            by_row[number].append(Verdict(node_id, test.outcome))
    return {number: RowReport(row.title, row.group, _status(by_row[number]), by_row[number]) for number, row in rows.items()}


def _status(tests: list[Verdict]) -> Status:
    outcomes = {test.outcome for test in tests}
    if Outcome.FAILED in outcomes:
        return Status.FAILED
    return Status.COVERED_PASSED if Outcome.PASSED in outcomes else Status.NO_TEST


def known_tests(report: Mapping[str, RowReport]) -> dict[str, KnownTest]:
    """The tests that a report was built from."""
    tests: dict[str, KnownTest] = {}
    for number, row in report.items():
        for test in row.tests:
            features = tests[test.id].features if test.id in tests else frozenset[str]()
            tests[test.id] = KnownTest(features | {number}, test.outcome)
    return tests


def load_report(path: Path) -> dict[str, RowReport]:
    """Raises FileNotFoundError when there is none, ReportError when it is not what `update_report` writes."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, RowReport])
    except msgspec.DecodeError as error:
        raise ReportError(f"{path}: {error}") from error


def update_report(path: Path, rows: Mapping[str, Row], run: Run, root: Path) -> None:
    """Bring the report at `path` up to date with `run`; node ids are relative to `root`.

    A report that cannot be read is rebuilt from this run alone: it is derived data, and the next full run completes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_suffix(".lock")):
        try:
            known = known_tests(load_report(path))
        except (FileNotFoundError, ReportError):
            known = {}
        tests = merge(known, run, lambda file: (root / file).exists())
        text = msgspec.json.format(msgspec.json.encode(build_report(rows, tests)), indent=1)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_bytes(text + b"\n")
        unfinished.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process at a time; the system lets go of the lock of a killed one."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
