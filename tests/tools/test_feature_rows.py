"""docs/features.md is read as rows, and every slip of an editor is named with its line."""

from pathlib import Path

import pytest
from tools.feature_rows import Row, RowsError, parse_rows

PAGE = """# Features

## A. Calls

| Number | Feature | Rule |
|---|---|---|
| F001 | Hold (保持) | The other side hears music. |

## B. Agents

| F002 | Idle | May be called. |

## Appendix 1. Tables

| From | Event |
"""


def test_rows_come_with_their_group_title_and_rule() -> None:
    assert parse_rows(PAGE) == {
        "F001": Row("F001", "A. Calls", "Hold (保持)", "The other side hears music."),
        "F002": Row("F002", "B. Agents", "Idle", "May be called."),
    }


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (PAGE.replace("| F002 |", "| F001 |"), "line 11: expected row F002, found F001"),
        (PAGE.replace("| F002 |", "| F003 |"), "line 11: expected row F002, found F003"),
        (PAGE.replace("| F002 |", "| F2 |"), "line 11: expected `| F001 | title | rule |`, found: | F2 |"),
        (PAGE.replace("May be called. |", "May be called."), "line 11: expected `| F001 "),
        (PAGE.replace("May be", "May | be"), "line 11: expected `| F001 "),
        (PAGE.replace("| F002 |", "|F002 |"), "line 11: expected `| F001 "),
        (PAGE.replace("## B. Agents", "## Agents"), "line 11: row F002 stands outside of a group"),
        ("# Features\n", "no row"),
    ],
)
def test_a_slip_is_named_with_its_line(page: str, complaint: str) -> None:
    with pytest.raises(RowsError) as refusal:
        parse_rows(page)
    assert complaint in str(refusal.value)


def test_the_page_of_this_repository_has_all_rows(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / Path("docs/features.md")).read_text(encoding="utf-8")
    rows = parse_rows(page)
    assert list(rows) == [f"F{number:03}" for number in range(1, 293)]
    assert [group[0] for group in dict.fromkeys(row.group for row in rows.values())] == list("ABCDEFGHIJKLMNO")
    for decision in range(1, 12):
        assert f"| D{decision} |" in page
