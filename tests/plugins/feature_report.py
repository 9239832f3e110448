"""The pytest plugin behind `make features`: notes which tests carry which rows of docs/features.md, and how they ended.

A marker that is not `feature("F001", ...)` with rows of the page makes its file an error of the collection, so a typing
mistake cannot pass for coverage. Markers have to be there at collection; one added while a test runs is not seen.

Under pytest-xdist only the workers collect and only the controller hears every outcome. Each worker hands over what it
collected when it ends, the controller writes. A worker that is killed hands over nothing, but its replacement collects the same;
if none is left, the outcomes of tests known from earlier runs are still brought up to date.
"""

import re
from collections.abc import Generator, Mapping
from typing import Any

import msgspec
import pytest
from tools.feature_report import REPORT, Outcome, Run, update_report
from tools.feature_rows import Row, RowsError, parse_rows

ROWS = "docs/features.md"

_HANDOVER = "callstream_features"
_NUMBER = re.compile(r"F\d{3}")
_WEIGHT = {Outcome.SKIPPED: 0, Outcome.PASSED: 1, Outcome.FAILED: 2}


class _Handover(msgspec.Struct):
    """What a worker collected, for the controller."""

    tests: dict[str, frozenset[str]]
    children: dict[str, set[str]]


def pytest_configure(config: pytest.Config) -> None:
    path = config.rootpath / ROWS
    try:
        rows = parse_rows(path.read_text(encoding="utf-8"))
    except (OSError, RowsError) as error:
        raise pytest.UsageError(f"{ROWS}: {error}") from error
    config.pluginmanager.register(FeatureReport(config, rows), "callstream-feature-report")


class FeatureReport:
    """Follows one run of pytest in this process: a plain run, an xdist worker, or the xdist controller."""

    def __init__(self, config: pytest.Config, rows: Mapping[str, Row]) -> None:
        self._config = config
        self._rows = rows
        self._run = Run()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if not report.passed or isinstance(collector, pytest.Session | pytest.Directory):
            return report
        complaints = []
        for node in report.result:
            if isinstance(node, pytest.Item):
                try:
                    self._run.tests[node.nodeid] = features_of(node, self._rows)
                except MarkerError as error:
                    complaints.append(f"{node.nodeid}: {error}")
        if complaints:
            report.outcome = "failed"
            report.longrepr = "\n".join(complaints)
            report.result = []
        elif not self._config.getoption("lf", default=False):  # --last-failed hides tests that still exist
            self._run.children.setdefault(collector.nodeid, set()).update(node.nodeid for node in report.result)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._run.outcomes[report.nodeid] = Outcome(report.outcome)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed and report.when != "call":
            return  # set up or taken down, which is not yet passed
        outcome = {"passed": Outcome.PASSED, "failed": Outcome.FAILED, "skipped": Outcome.SKIPPED}.get(report.outcome)
        before = self._run.outcomes.get(report.nodeid)
        if outcome is not None and (before is None or _WEIGHT[outcome] > _WEIGHT[before]):
            self._run.outcomes[report.nodeid] = outcome

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        handover = getattr(node, "workeroutput", {}).get(_HANDOVER)
        if handover is not None:
            collected = msgspec.json.decode(handover, type=_Handover)
            self._run.tests.update(collected.tests)
            self._run.children.update(collected.children)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        worker_output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if worker_output is not None:
            handover = _Handover(self._run.tests, self._run.children)
            worker_output[_HANDOVER] = msgspec.json.encode(handover)
        elif not self._config.option.collectonly:
            update_report(self._config.rootpath / REPORT, self._rows, self._run, self._config.rootpath)


class MarkerError(ValueError):
    """A feature marker that names no row of the page; the message names what is wrong with it."""


def features_of(item: pytest.Item, rows: Mapping[str, Row]) -> frozenset[str]:
    """The rows that all feature markers of a test name together: its own, its class's, its module's, its parameters'."""
    numbers = set()
    for marker in item.iter_markers("feature"):
        if marker.kwargs:
            raise MarkerError(f"marker feature takes row numbers only, not {', '.join(marker.kwargs)}=")
        if not marker.args:
            raise MarkerError('marker feature names no row; write feature("F001")')
        for number in marker.args:
            if not isinstance(number, str) or not _NUMBER.fullmatch(number):
                raise MarkerError(f'marker feature: {number!r} is not a row number such as "F001"')
            if number not in rows:
                raise MarkerError(f"marker feature: {ROWS} has no row {number}")
            numbers.add(number)
    return frozenset(numbers)
