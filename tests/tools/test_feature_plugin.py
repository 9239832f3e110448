"""Whole runs of pytest with the plugin, in a repository of three rows: plain, under xdist, in parts, and with wrong markers."""

import json

import pytest

pytest_plugins = ["pytester"]

PAGE = """## A. Calls

| F001 | Hold | rule |
| F002 | Mute | rule |
| F003 | Idle | rule |
"""
INI = """[pytest]
addopts = --import-mode=importlib --strict-markers -p tests.plugins.feature_report
asyncio_default_fixture_loop_scope = function
markers =
    feature(*numbers): rows
"""
SUITE = """
import pytest

pytestmark = pytest.mark.feature("F003")

@pytest.mark.feature("F001")
def test_passes(): pass

@pytest.mark.feature("F001", "F002")
def test_fails(): assert False

class TestClass:
    @pytest.mark.parametrize("way", ["in", pytest.param("out", marks=pytest.mark.feature("F002"))])
    def test_parameters(self, way): pass

@pytest.mark.skip(reason="not here")
def test_skipped(): pass

@pytest.fixture
def breaks_at_the_end():
    yield
    raise OSError

def test_falls_at_teardown(breaks_at_the_end): pass
"""
SUITE_OUTCOMES = {
    "F001": {"test_passes": "passed", "test_fails": "failed"},
    "F002": {"test_fails": "failed", "TestClass::test_parameters[out]": "passed"},
    "F003": {
        "test_passes": "passed",
        "test_fails": "failed",
        "TestClass::test_parameters[in]": "passed",
        "TestClass::test_parameters[out]": "passed",
        "test_skipped": "skipped",
        "test_falls_at_teardown": "failed",
    },
}
PLAIN_AND_XDIST = pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["plain", "xdist"])


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.mkdir("docs").joinpath("features.md").write_text(PAGE)
    pytester.makeini(INI)
    return pytester


def reported(repository: pytest.Pytester, file: str = "test_suite.py") -> dict[str, dict[str, str]]:
    """By row: the tests of one file, without its name, and their outcomes."""
    report = json.loads((repository.path / "build/features.json").read_text())
    assert list(report) == ["F001", "F002", "F003"]
    return {
        number: {
            test["id"].removeprefix(f"{file}::"): test["outcome"] for test in row["tests"] if test["id"].startswith(f"{file}::")
        }
        for number, row in report.items()
    }


@PLAIN_AND_XDIST
def test_a_run_reports_every_marked_test(repository: pytest.Pytester, options: tuple[str, ...]) -> None:
    repository.makepyfile(test_suite=SUITE)
    repository.runpytest(*options)
    assert reported(repository) == SUITE_OUTCOMES


@PLAIN_AND_XDIST
def test_a_partial_run_updates_only_what_it_ran(repository: pytest.Pytester, options: tuple[str, ...]) -> None:
    repository.makepyfile(test_suite=SUITE, test_other='import pytest\n@pytest.mark.feature("F001")\ndef test_o(): pass\n')
    repository.runpytest(*options)
    repository.makepyfile(test_suite=SUITE.replace("assert False", "assert True").replace(": pass", ": assert False"))
    repository.runpytest(*options, "test_suite.py", "-k", "test_fails")
    expected = {row: tests | {"test_fails": "passed"} for row, tests in SUITE_OUTCOMES.items()}
    expected["F002"] = {"test_fails": "passed", "TestClass::test_parameters[out]": "passed"}
    assert reported(repository) == expected
    assert reported(repository, "test_other.py")["F001"] == {"test_o": "passed"}


@PLAIN_AND_XDIST
def test_what_is_gone_disappears(repository: pytest.Pytester, options: tuple[str, ...]) -> None:
    other = repository.makepyfile(test_other='import pytest\n@pytest.mark.feature("F001")\ndef test_o(): pass\n')
    repository.makepyfile(test_suite=SUITE)
    repository.runpytest(*options)
    other.unlink()
    repository.makepyfile(test_suite=SUITE.replace("def test_passes", "def test_renamed").replace('"in", ', ""))
    repository.runpytest(*options, "test_suite.py::test_fails")
    assert reported(repository, "test_other.py")["F001"] == {}
    assert reported(repository)["F001"] == {"test_renamed": "not-run", "test_fails": "failed"}
    # The class was not looked into, so its tests stay until a run collects it.
    assert reported(repository)["F003"]["TestClass::test_parameters[in]"] == "passed"
    repository.runpytest(*options, "test_suite.py::TestClass")
    assert "TestClass::test_parameters[in]" not in reported(repository)["F003"]


def test_a_group_of_xdist_does_not_rename_tests(repository: pytest.Pytester) -> None:
    grouped = 'import pytest\n@pytest.mark.xdist_group("servers")\n@pytest.mark.feature("F001")\ndef test_g(): pass\n'
    repository.makepyfile(test_suite=grouped)
    repository.runpytest("-n", "2", "--dist=loadgroup")
    assert reported(repository)["F001"] == {"test_g": "passed"}


def test_last_failed_hides_tests_and_drops_none(repository: pytest.Pytester) -> None:
    repository.makepyfile(test_suite=SUITE)
    repository.runpytest()
    repository.runpytest("--last-failed")
    assert reported(repository) == SUITE_OUTCOMES


def test_a_file_that_cannot_be_imported_proves_nothing(repository: pytest.Pytester) -> None:
    repository.makepyfile(test_suite=SUITE)
    repository.runpytest()
    repository.makepyfile(test_suite="import a_module_that_does_not_exist\n" + SUITE)
    repository.runpytest()
    assert reported(repository)["F001"] == {"test_passes": "failed", "test_fails": "failed"}


def test_a_worker_that_dies_fails_its_test_only(repository: pytest.Pytester) -> None:
    dies = SUITE.replace("def test_passes(): pass", "def test_passes():\n    import os\n    os._exit(1)")
    repository.makepyfile(test_suite=dies)
    repository.runpytest("-n", "1")
    assert reported(repository)["F001"] == {"test_passes": "failed", "test_fails": "failed"}
    assert reported(repository)["F002"]["TestClass::test_parameters[out]"] == "passed"


def test_listing_the_tests_leaves_the_report_alone(repository: pytest.Pytester) -> None:
    repository.makepyfile(test_suite=SUITE)
    repository.runpytest("--collect-only")
    assert not (repository.path / "build").exists()


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ('feature("F004")', "marker feature: docs/features.md has no row F004"),
        ('feature("F001", "f2")', "marker feature: 'f2' is not a row number such as \"F001\""),
        ("feature(1)", 'marker feature: 1 is not a row number such as "F001"'),
        ("feature", 'marker feature names no row; write feature("F001")'),
        ('feature("F001", why="x")', "marker feature takes row numbers only, not why="),
    ],
)
def test_a_wrong_marker_is_an_error_of_the_collection(repository: pytest.Pytester, marker: str, complaint: str) -> None:
    repository.makepyfile(test_suite=f"import pytest\nclass TestA:\n    @pytest.mark.{marker}\n    def test_a(self): pass\n")
    result = repository.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    assert f"test_suite.py::TestA::test_a: {complaint}" in result.stdout.str()


def test_a_wrong_marker_is_an_error_under_xdist_too(repository: pytest.Pytester) -> None:
    repository.makepyfile(test_suite=SUITE.replace("F002", "F999"))
    result = repository.runpytest("-n", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "test_suite.py::test_fails: marker feature: docs/features.md has no row F999" in result.stdout.str()


def test_a_page_that_cannot_be_read_stops_the_run(repository: pytest.Pytester) -> None:
    (repository.path / "docs/features.md").write_text(PAGE.replace("F002", "F001"))
    result = repository.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "docs/features.md: line 4: expected row F002, found F001" in result.stderr.str()
