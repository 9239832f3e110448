"""Whom and what numbers, trunks and the dial guard refer to. Raises Refusal that names the field."""

from collections.abc import Iterable

from callstream.contracts.config import Document
from callstream.contracts.lines import Number
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.manifest import Manifest

Known = dict[tuple[str, str], Document]


def check_outbound(manifest: Manifest, known: Known) -> None:
    """Agents and groups that may show a number, numbers that a trunk takes, groups of the guard's rules."""
    for i, number in enumerate(manifest.numbers):
        for field in ("allowed_groups", "outbound_groups"):
            _groups(getattr(number, field), f"numbers[{i}].{field}", known)
        for j, agent in enumerate(number.allowed_agents):
            if ("agent", agent) not in known:
                raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{agent}'", f"numbers[{i}].allowed_agents[{j}]")
    for i, trunk in enumerate(manifest.trunks):
        for j, caller in enumerate(trunk.outgoing.callers if trunk.outgoing is not None else ()):
            if (Number.KIND, caller.lstrip("+")) not in known:
                where = f"trunks[{i}].outgoing.callers[{j}]"
                raise Refusal(Reason.UNKNOWN_NUMBER, f"not a number of the company: {caller}", where)
    if manifest.settings is not None:
        for i, rule in enumerate(manifest.settings.dial_guard.rules):
            _groups(rule.groups, f"settings.dial_guard.rules[{i}].groups", known)


def _groups(groups: Iterable[str], where: str, known: Known) -> None:
    for j, group in enumerate(groups):
        if ("group", group) not in known:
            raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{group}'", f"{where}[{j}]")
