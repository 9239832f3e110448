"""Reads the rows F001, F002, … of docs/features.md.

The page is the only list of features. A row is one line of a table, `| F001 | title | rule |`, below the heading of its group,
`## A. Inbound call control`.
"""

import re
from dataclasses import dataclass

_GROUP = re.compile(r"## (?P<group>[A-Z]\. .+)")
_ROW = re.compile(r"\| (?P<number>F\d{3}) \| (?P<title>[^|]+) \| (?P<rule>[^|]+) \|")
_LIKE_A_ROW = re.compile(r"\s*\|\s*F\s*\d")


class RowsError(ValueError):
    """The page is not a list of rows; the message names the line (counted from 1)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One feature: its number (`F032`), group (the whole heading, `A. …`), title and rule."""

    number: str
    group: str
    title: str
    rule: str


def parse_rows(page: str) -> dict[str, Row]:
    """All rows by number, in the order of the page.

    Raises RowsError for a line that looks like a row and is none, a row outside of a group, and a number out of turn. The last
    finds both a row lost in editing and a number given twice.
    """
    rows: dict[str, Row] = {}
    group = ""
    for line_number, line in enumerate(page.splitlines(), start=1):
        if line.startswith("## "):
            heading = _GROUP.fullmatch(line)
            group = heading["group"] if heading else ""
        elif _LIKE_A_ROW.match(line):
            row = _ROW.fullmatch(line)
            if row is None:
                raise RowsError(f"line {line_number}: expected `| F001 | title | rule |`, found: {line}")
            expected = f"F{len(rows) + 1:03}"
            if row["number"] != expected:
                raise RowsError(f"line {line_number}: expected row {expected}, found {row['number']}")
            if not group:
                raise RowsError(f"line {line_number}: row {expected} stands outside of a group such as `## A. …`")
            rows[expected] = Row(expected, group, row["title"].strip(), row["rule"].strip())
    if not rows:
        raise RowsError("no row `| F001 | title | rule |` found")
    return rows
