"""The list of break reasons (F046): one more, one called otherwise, one less. Pure.

A reason is its own name: what was told with it stays told with it, whatever becomes of the list.
"""

from collections.abc import Sequence

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

LONGEST = 32
MOST = 50

Reasons = tuple[str, ...]


def check_reasons(reasons: Sequence[str], field: str) -> None:
    """Raises Refusal for a list that agents could not choose from, naming the place in `field`."""
    if len(reasons) > MOST:
        raise Refusal(Reason.INVALID, f"{len(reasons)} reasons; {MOST} at most", field)
    for i, name in enumerate(reasons):
        check_name(name, f"{field}[{i}]")
        if name in reasons[:i]:
            raise Refusal(Reason.CONFLICT, f"'{name}' stands twice", f"{field}[{i}]")


def check_name(name: str, field: str) -> None:
    """Raises Refusal for a name that cannot be shown, or not be named in a path."""
    if name != name.strip() or not name.isprintable() or "/" in name or not 1 <= len(name) <= LONGEST:
        raise Refusal(Reason.INVALID, f"1 to {LONGEST} printable characters, without '/' and blanks at the ends", field)


def added(reasons: Reasons, name: str) -> Reasons:
    """With one more, as the last."""
    check_name(name, "name")
    _check_new(reasons, name)
    if len(reasons) >= MOST:
        raise Refusal(Reason.INVALID, f"{MOST} reasons at most", "name")
    return (*reasons, name)


def renamed(reasons: Reasons, name: str, new: str) -> Reasons:
    """With another name in the same place."""
    _check_known(reasons, name)
    if new != name:
        check_name(new, "name")
        _check_new(reasons, new)
    return tuple(new if each == name else each for each in reasons)


def removed(reasons: Reasons, name: str) -> Reasons:
    """Without it. Without any, nobody can take a break."""
    _check_known(reasons, name)
    return tuple(each for each in reasons if each != name)


def _check_new(reasons: Reasons, name: str) -> None:
    if name in reasons:
        raise Refusal(Reason.CONFLICT, f"there is a reason '{name}' already", "name")


def _check_known(reasons: Reasons, name: str) -> None:
    if name not in reasons:
        raise Refusal(Reason.INVALID, f"no such break reason: '{name}'", "reason")
