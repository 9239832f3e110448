"""What may be deleted: nothing that something else still points at (F155, F169)."""

from callstream.contracts.config import Agent, Audio, Number
from callstream.contracts.flow import Flow, TransferToAgent
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.plan import prompts_of


def check_deletion(holdings: Holdings, kind: str, key_id: str) -> None:
    """Raise Refusal(conflict) that lists what refers to the document; Refusal(invalid) for a kind that stays for ever."""
    users: list[str] = []
    match kind:
        case "group":
            users = [f"flow {flow.id}" for flow in holdings.newest_flows() if _targets_group(flow, key_id)]
        case "audio":
            users = [f"flow {flow.id}" for flow in holdings.newest_flows() if _plays(flow, key_id)]
        case "trunk":
            users = [f"number {n.number}" for n in holdings.of(Number) if isinstance(n, Number) and key_id in n.trunks]
        case "flow" | "settings":
            raise Refusal(Reason.INVALID, f"a document of kind '{kind}' cannot be deleted", "kind")
    if users:
        raise Refusal(Reason.CONFLICT, f"still used by {', '.join(sorted(users))}", key_id)


def unlinked(holdings: Holdings, group_id: str) -> list[Agent]:
    """The agents of a deleted group as they are afterwards: they remain, without the group (F155)."""
    agents = [a for a in holdings.of(Agent) if isinstance(a, Agent) and group_id in a.groups]
    return [
        Agent(id=a.id, name=a.name, email=a.email, sip_user=a.sip_user, groups=tuple(g for g in a.groups if g != group_id))
        for a in agents
    ]


def _targets_group(flow: Flow, group_id: str) -> bool:
    return any(isinstance(node, TransferToAgent) and node.group_id == group_id for node in flow.nodes)


def _plays(flow: Flow, audio_id: str) -> bool:
    prompts = (p for node in flow.nodes for _, some in prompts_of(node) for p in some)
    return any(isinstance(prompt, Audio) and prompt.audio_id == audio_id for prompt in prompts)
