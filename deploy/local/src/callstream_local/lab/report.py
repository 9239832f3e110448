"""The results for a person: tables for the terminal; for a program: plain objects for JSON."""

from math import isnan
from typing import Any

import msgspec
from rich.table import Table

from callstream_local.lab.compare import ALL, Comparison, Outcome

SHARES = frozenset({"service_level", "abandon_rate", "occupancy"})
BETTER_WHEN_LESS = frozenset({"average_wait_s", "p90_wait_s", "abandon_rate", "gini"})
NEITHER = frozenset({"occupancy"})


def table_of(comparison: Comparison) -> Table:
    """All groups together: baseline, candidate and their difference with its 95 % interval."""
    level = comparison.service_level
    days = f"{comparison.replications} days, seed {comparison.seed}, goal {level.percent:g}/{level.seconds:g}"
    table = Table(title=days)
    table.add_column("", no_wrap=True)
    for heading in ("baseline", "candidate", "difference", ""):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    names = {
        "service_level": f"within {level.seconds:g} s",
        "average_wait_s": "average wait",
        "p90_wait_s": "p90 wait",
        "abandon_rate": "abandoned",
        "occupancy": "occupancy",
        "gini": "Gini of calls",
    }
    for name, outcome in comparison.outcomes[ALL].items():
        low, high = (_value(name, edge, sign=True) for edge in (outcome.difference.low, outcome.difference.high))
        table.add_row(
            names[name],
            _value(name, outcome.baseline.mean) + _unit(name),
            _value(name, outcome.candidate.mean) + _unit(name),
            f"{_value(name, outcome.difference.mean, sign=True)}{_unit(name)} ({low} … {high})",
            _word(name, outcome),
        )
    return table


def groups_of(comparison: Comparison) -> Table | None:
    """Each group in a line, when there are several."""
    if set(comparison.outcomes) == {ALL}:
        return None
    table = Table(title="by group: baseline → candidate")
    table.add_column("", no_wrap=True)
    shown = {
        "service_level": f"within {comparison.service_level.seconds:g} s",
        "average_wait_s": "average wait",
        "abandon_rate": "abandoned",
    }
    for heading in shown.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for group, outcomes in comparison.outcomes.items():
        if group != ALL:
            table.add_row(group, *(_change(name, outcomes[name]) for name in shown))
    return table


def json_of(comparison: Comparison, **more: Any) -> bytes:
    """Everything, each replication's figures among it."""
    return msgspec.json.format(msgspec.json.encode({**more, **msgspec.to_builtins(comparison)})) + b"\n"


def _change(name: str, outcome: Outcome) -> str:
    before, after = _value(name, outcome.baseline.mean), _value(name, outcome.candidate.mean)
    return f"{before} → {after}{_unit(name)} {_word(name, outcome)}"


def _value(name: str, value: float, *, sign: bool = False) -> str:
    if isnan(value):
        return "-"
    digits = 3 if name == "gini" else 1
    rounded = round(100 * value if name in SHARES else value, digits) + 0.0  # -0.0 becomes 0.0
    shown = f"{rounded:+.{digits}f}"
    return shown if sign else shown.removeprefix("+")


def _unit(name: str) -> str:
    return " %" if name in SHARES else "" if name == "gini" else " s"


def _word(name: str, outcome: Outcome) -> str:
    """A difference whose interval holds 0 may be chance."""
    difference = outcome.difference
    if difference.low == difference.high == 0:
        return "same"
    if not difference.tells:
        return "unclear"
    if name in NEITHER:
        return "less" if difference.mean < 0 else "more"
    return "better" if (difference.mean < 0) == (name in BETTER_WHEN_LESS) else "worse"
