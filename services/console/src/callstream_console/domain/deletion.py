"""What may be deleted: nothing that something else still points at (F155, F169)."""

from msgspec.structs import replace

from callstream.contracts.config import Agent, CollectTemplate, Customer, CustomerType, Settings, SkillGroup
from callstream.contracts.flow import AnyNode, Flow, TransferToAgent, Voicemail
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import DialRule
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.spoken import plays


def check_deletion(holdings: Holdings, kind: str, key_id: str) -> None:
    """Raise Refusal(conflict) that lists what refers to the document; Refusal(invalid) for a kind that stays for ever."""
    users: list[str] = []
    match kind:
        case "group":
            users = [f"flow {flow.id}" for flow in holdings.newest_flows() if _targets_group(flow, key_id)]
            users += [f"group {g.id}" for g in holdings.of(SkillGroup) if isinstance(g, SkillGroup) and key_id in g.overflow]
            types = [kind for kind in holdings.of(CustomerType) if isinstance(kind, CustomerType)]
            users += [f"customer type {kind.id}" for kind in types if key_id in kind.groups]
            users += [f"number {n.number}" for n in _numbers(holdings) if key_id in (*n.allowed_groups, *n.outbound_groups)]
            users += [f"settings.dial_guard.rules[{i}]" for i, rule in enumerate(_rules(holdings)) if key_id in rule.groups]
        case "customer-type":
            users = [f"customer {c.number}" for c in holdings.of(Customer) if isinstance(c, Customer) and c.type == key_id]
        case "agent":
            users = [f"flow {flow.id}" for flow in holdings.newest_flows() if _prefers(flow, key_id)]
            users += [f"number {n.number}" for n in _numbers(holdings) if key_id in n.allowed_agents]
        case "audio":
            users = [f"flow {flow.id}" for flow in holdings.newest_flows() if any(plays(node, key_id) for node in flow.nodes)]
            users += [f"template {each.key_id}" for each in holdings.of(CollectTemplate) if plays(each, key_id)]
            users += ["settings" for each in holdings.of(Settings) if plays(each, key_id)]
        case "trunk":
            users = [f"number {n.number}" for n in _numbers(holdings) if key_id in n.trunks]
        case "number":
            users = [f"trunk {trunk.id}" for trunk in holdings.of(Trunk) if isinstance(trunk, Trunk) and _takes(trunk, key_id)]
        case "flow" | "settings":
            raise Refusal(Reason.INVALID, f"a document of kind '{kind}' cannot be deleted", "kind")
    if users:
        raise Refusal(Reason.CONFLICT, f"still used by {', '.join(sorted(users))}", key_id)


def unlinked(holdings: Holdings, group_id: str) -> list[Agent]:
    """The agents of a deleted group as they are afterwards: they remain, without the group (F155)."""
    agents = [a for a in holdings.of(Agent) if isinstance(a, Agent) and group_id in a.groups]
    return [
        replace(
            agent,
            groups=tuple(group for group in agent.groups if group != group_id),
            priorities={group: priority for group, priority in agent.priorities.items() if group != group_id},
        )
        for agent in agents
    ]


def _numbers(holdings: Holdings) -> list[Number]:
    return [number for number in holdings.of(Number) if isinstance(number, Number)]


def _rules(holdings: Holdings) -> tuple[DialRule, ...]:
    settings = holdings.documents.get((Settings.KIND, "main"))
    return settings.dial_guard.rules if isinstance(settings, Settings) else ()


def _takes(trunk: Trunk, number: str) -> bool:
    return trunk.outgoing is not None and f"+{number.lstrip('+')}" in trunk.outgoing.callers


def _targets_group(flow: Flow, group_id: str) -> bool:
    return any(group_id in _groups(node) for node in flow.nodes)


def _groups(node: AnyNode) -> tuple[str | None, ...]:
    match node:
        case TransferToAgent():
            return (node.group_id, *node.also_groups, *node.busy_groups)
        case Voicemail():
            return (node.group_id,)
        case _:
            return ()


def _prefers(flow: Flow, agent_id: str) -> bool:
    """Or takes messages for."""
    return any(
        (isinstance(node, TransferToAgent) and node.preferred_agent == agent_id)
        or (isinstance(node, Voicemail) and node.agent_id == agent_id)
        for node in flow.nodes
    )
