"""How the faults of a flow document are told: by node and field, for people know their nodes by id."""

import re
from typing import Any

import msgspec

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a flow: which node, which field, what is wrong."""

    node: str
    field: str
    message: str


class InvalidFlow(Refusal):
    """A document that is no flow, or a flow that may not be published. `problems` names node and field of each fault."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        field = f"{first.node}.{first.field}" if first.node and first.field else first.node or first.field
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(Reason.INVALID, first.message + more, field)
        self.problems = problems


_PATH = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_NODE_PATH = re.compile(r"^nodes\[(?P<index>\d+)\]\.?(?P<field>.*)$")


def schema_problem(document: Any, error: str) -> Problem:
    """msgspec tells the path (`$.nodes[3].timeout_s`); people know their nodes by id."""
    found = _PATH.match(error)
    message, path = (found["message"], found["path"] or "") if found else (error, "")
    inside = _NODE_PATH.match(path)
    if inside is None:
        return Problem(node="", field=path, message=message)
    node = document["nodes"][int(inside["index"])]
    node_id = node.get("id") if isinstance(node, dict) else None
    if not isinstance(node_id, str):
        return Problem(node="", field=path, message=message)
    return Problem(node=node_id, field=inside["field"], message=message)
