"""A policy: what the configuration lets routing and agents do. A policy file changes one, like `callstream apply` does.

The file has the sections `settings`, `groups`, `agents`, `customer_types` and `customers`, each optional; entries need only `id`
(`number`) and the fields that differ. An agent's id may be a pattern (`10*`): the entry then stands for all agents it matches.
The other sections of a manifest are let be.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from callstream.contracts.config import Agent, Customer, CustomerType, Document, Settings, SkillGroup
from callstream_local.lab.errors import LabError

D = TypeVar("D", bound=Document)

OTHERS = frozenset({"audio", "flows", "numbers", "trunks", "people", "blocked"})
"""Sections of a manifest that do not bear on routing."""
NOT_OURS = frozenset({"phone", "password"})
"""Fields of a manifest's agents that are secrets or belong to the desk phone."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the simulation takes from the configuration."""

    settings: Settings = Settings()
    customer_types: tuple[CustomerType, ...] = ()
    customers: tuple[Customer, ...] = ()
    groups: tuple[SkillGroup, ...] = ()
    agents: tuple[Agent, ...] = ()


def changed(base: Policy, wanted: Mapping[str, Any]) -> Policy:
    """`base` with what `wanted` (a decoded policy file) says; raises LabError."""
    for section in wanted:
        if section not in (*Policy.__struct_fields__, *OTHERS):
            raise LabError(str(section), f"is no section of a policy; possible are {', '.join(Policy.__struct_fields__)}")
    made = Policy(
        settings=_merged(base.settings, wanted.get("settings") or {}, Settings, "settings"),
        customer_types=_entries(base.customer_types, wanted, CustomerType, "customer_types", "id"),
        customers=_entries(base.customers, wanted, Customer, "customers", "number"),
        groups=_entries(base.groups, wanted, SkillGroup, "groups", "id"),
        agents=_entries(base.agents, wanted, Agent, "agents", "id"),
    )
    _check_references(made)
    return made


def _check_references(policy: Policy) -> None:
    groups, types = {group.id for group in policy.groups}, {kind.id for kind in policy.customer_types}
    named = [
        *((f"agents[{agent.id}].groups", agent.groups) for agent in policy.agents),
        *((f"groups[{group.id}].overflow", group.overflow) for group in policy.groups),
        *((f"customer_types[{kind.id}].groups", kind.groups) for kind in policy.customer_types),
    ]
    for field, several in named:
        for group_id in several:
            if group_id not in groups:
                raise LabError(field, f"there is no group {group_id!r}")
    for customer in policy.customers:
        if customer.type not in types:
            raise LabError(f"customers[{customer.number}].type", f"there is no customer type {customer.type!r}")


def _entries(base: tuple[D, ...], wanted: Mapping[str, Any], kind: type[D], section: str, key: str) -> tuple[D, ...]:
    entries = wanted.get(section)
    if entries is None:
        return base
    if not isinstance(entries, list):
        raise LabError(section, "a list is needed")
    made: dict[str, D] = {getattr(document, key): document for document in base}
    for index, entry in enumerate(entries):
        where = f"{section}[{index}]"
        if not isinstance(entry, Mapping) or not entry.get(key):
            raise LabError(f"{where}.{key}", "is needed")
        name = str(entry[key])
        fields = {field: value for field, value in entry.items() if field != key and field not in NOT_OURS}
        if kind is Agent and any(letter in name for letter in "*?["):
            matching = [known for known in made if fnmatchcase(known, name)]
            if not matching:
                raise LabError(f"{where}.{key}", f"no agent matches {name!r}")
            for known in matching:
                made[known] = _merged(made[known], fields, kind, where)
        elif name in made:
            made[name] = _merged(made[name], fields, kind, where)
        else:
            made[name] = _merged({**_FRESH.get(kind, _nothing)(name), key: name}, fields, kind, where)
    return tuple(made.values())


def _merged(document: D | dict[str, Any], fields: Any, kind: type[D], where: str) -> D:
    if not isinstance(fields, Mapping):
        raise LabError(where, "a mapping is needed")
    whole = dict(document) if isinstance(document, dict) else dict(msgspec.to_builtins(document))
    try:
        return msgspec.convert({**whole, **fields}, kind)
    except msgspec.ValidationError as error:
        raise LabError(where, str(error)) from error


def _nothing(_: str) -> dict[str, Any]:
    return {}


_FRESH: dict[type[Document], Callable[[str], dict[str, Any]]] = {
    SkillGroup: lambda name: {"name": name[:20]},
    CustomerType: lambda name: {"name": name},
    Agent: lambda name: {"name": name, "email": f"{name}@localhost", "sip_user": name},
}
"""What a new entry need not say."""
