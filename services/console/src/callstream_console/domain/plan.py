"""From a manifest to the documents that change: `plan(holdings, manifest) -> changes`, or a refusal that names the field.

Applying the same manifest twice gives no second change. A flow whose content differs becomes a new version, and the numbers
bound to it follow in the same transaction: calls that are in the flow finish on the version they began with (F116).
"""

from collections.abc import Iterable, Iterator

import msgspec

from callstream.contracts.config import Agent, CustomerType, Document, SkillGroup, Workplace
from callstream.contracts.flow import Flow, TransferToAgent, Voicemail, check
from callstream.contracts.lines import Number
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.break_reasons import check_reasons
from callstream_console.domain.check_outbound import check_outbound
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.manifest import Manifest
from callstream_console.domain.spoken import check_audio, prompts_of


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One document to write; `before` is None when it is new."""

    before: Document | None
    after: Document


def plan(holdings: Holdings, manifest: Manifest) -> list[Change]:
    """The documents that `manifest` changes, in an order in which nothing refers to what does not exist yet."""
    _check_unique(manifest)
    wanted: list[Document] = []
    if manifest.settings is not None:
        wanted.append(manifest.settings)
    wanted += manifest.groups
    wanted += [trunk.document() for trunk in manifest.trunks]
    wanted += manifest.customer_types
    wanted += manifest.customers
    wanted += manifest.blocked
    wanted += manifest.collect_templates
    wanted += _workplaces(manifest)
    wanted += _agents(holdings, manifest)
    newest = {flow.id: flow for flow in holdings.newest_flows()}
    new_flows = list(_flows(newest, manifest))
    newest |= {flow.id: flow for flow in new_flows}
    wanted += new_flows
    wanted += _numbers(holdings, manifest, newest)
    after = Holdings(documents=holdings.documents | {(d.KIND, d.key_id): d for d in wanted})
    _check_references(after, manifest, new_flows)
    changes = (Change(before=holdings.documents.get((d.KIND, d.key_id)), after=d) for d in wanted)
    return [change for change in changes if change.before != change.after]


def _agents(holdings: Holdings, manifest: Manifest) -> Iterator[Agent]:
    for i, entry in enumerate(manifest.agents):
        before = holdings.documents.get((Agent.KIND, entry.id))
        try:
            yield entry.document(before if isinstance(before, Agent) else None)
        except ValueError as error:
            raise Refusal(Reason.INVALID, str(error), f"agents[{i}].mobile") from None


def _workplaces(manifest: Manifest) -> Iterator[Workplace]:
    for i, entry in enumerate(manifest.workplaces):
        try:
            yield entry.document()
        except ValueError as error:
            raise Refusal(Reason.INVALID, str(error), f"workplaces[{i}].networks") from None


def _flows(newest: dict[str, Flow], manifest: Manifest) -> Iterator[Flow]:
    for i, entry in enumerate(manifest.flows):
        old = newest.get(entry.id)
        if old is not None and old == entry.document(old.version):
            continue
        flow = entry.document(old.version + 1 if old else 1)
        for problem in check(flow):
            where = f"flows[{i}].nodes[{problem.node}].{problem.field}" if problem.node else f"flows[{i}].{problem.field}"
            raise Refusal(Reason.INVALID, problem.message, where)
        yield flow


def _numbers(holdings: Holdings, manifest: Manifest, newest: dict[str, Flow]) -> Iterator[Number]:
    named = set()
    for i, entry in enumerate(manifest.numbers):
        if entry.flow not in newest:
            raise Refusal(Reason.UNKNOWN_FLOW, f"no such flow: '{entry.flow}'", f"numbers[{i}].flow")
        named.add(entry.number)
        yield entry.document(newest[entry.flow].version)
    for number in holdings.of(Number):
        if isinstance(number, Number) and number.number not in named:
            yield msgspec.structs.replace(number, flow_version=newest[number.flow_id].version)


def _check_unique(manifest: Manifest) -> None:
    _unique("groups", "id", (group.id for group in manifest.groups))
    _unique("groups", "name", (group.name for group in manifest.groups))
    _unique("agents", "id", (agent.id for agent in manifest.agents))
    _unique("agents", "email", (agent.email.lower() for agent in manifest.agents))
    _unique("agents", "phone.user", (agent.phone.user for agent in manifest.agents))
    _unique("flows", "id", (flow.id for flow in manifest.flows))
    _unique("numbers", "number", (number.number for number in manifest.numbers))
    _unique("trunks", "id", (trunk.id for trunk in manifest.trunks))
    _unique("customer_types", "id", (kind.id for kind in manifest.customer_types))
    _unique("customers", "number", (customer.number for customer in manifest.customers))
    _unique("workplaces", "id", (place.id for place in manifest.workplaces))
    _unique("collect_templates", "id", (template.id for template in manifest.collect_templates))
    _unique("blocked", "number", (caller.number for caller in manifest.blocked))


def _unique(where: str, field: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            raise Refusal(Reason.CONFLICT, f"'{value}' stands twice", f"{where}[{i}].{field}")
        seen.add(value)


def _check_references(after: Holdings, manifest: Manifest, flows: list[Flow]) -> None:
    known = after.documents
    for i, wanted in enumerate(manifest.groups):
        namesakes = [d for d in after.of(SkillGroup) if isinstance(d, SkillGroup) and d.name == wanted.name]
        if len(namesakes) > 1:
            raise Refusal(Reason.CONFLICT, f"another group is called '{wanted.name}'", f"groups[{i}].name")
    for i, agent in enumerate(manifest.agents):
        for j, group_id in enumerate(agent.groups):
            if ("group", group_id) not in known:
                raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{group_id}'", f"agents[{i}].groups[{j}]")
        for group in agent.priorities:
            if group not in agent.groups:
                raise Refusal(Reason.UNKNOWN_GROUP, "the agent is not in this group", f"agents[{i}].priorities.{group}")
        _check_phone(after, Agent.KIND, agent.id, agent.phone.user, f"agents[{i}].phone.user")
    for i, place in enumerate(manifest.workplaces):
        _check_phone(after, Workplace.KIND, place.id, place.phone.user, f"workplaces[{i}].phone.user")
    for i, number in enumerate(manifest.numbers):
        for j, trunk in enumerate(number.trunks):
            if ("trunk", trunk) not in known:
                raise Refusal(Reason.INVALID, f"no such trunk: '{trunk}'", f"numbers[{i}].trunks[{j}]")
    for i, person in enumerate(manifest.people):
        for j, group in enumerate(person.groups):
            if ("group", group) not in known:
                raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{group}'", f"people[{i}].groups[{j}]")
    _check_routing(manifest, known)
    check_outbound(manifest, known)
    if manifest.settings is not None:
        check_audio(prompts_of(manifest.settings), "settings", known)
        check_reasons(manifest.settings.break_reasons, "settings.break_reasons")
    for i, template in enumerate(manifest.collect_templates):
        check_audio(prompts_of(template), f"collect_templates[{i}]", known)
    for flow in flows:
        _check_flow(flow, known)


def _check_phone(after: Holdings, kind: str, key_id: str, sip_user: str, where: str) -> None:
    """A phone is one agent's or one workplace's."""
    for other in (*after.of(Agent), *after.of(Workplace)):
        if (other.KIND, other.key_id) != (kind, key_id) and getattr(other, "sip_user", None) == sip_user:
            raise Refusal(Reason.CONFLICT, f"another {other.KIND} has this phone", where)


def _check_routing(manifest: Manifest, known: dict[tuple[str, str], Document]) -> None:
    """Overflow leads to other groups that exist, types to groups that exist, customers to types that exist."""
    for i, group in enumerate(manifest.groups):
        for j, other in enumerate(group.overflow):
            where = f"groups[{i}].overflow[{j}]"
            if ("group", other) not in known:
                raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{other}'", where)
            if other == group.id or other in group.overflow[:j]:
                raise Refusal(Reason.CONFLICT, "a group overflows to others, to each once", where)
    for i, kind in enumerate(manifest.customer_types):
        for j, named in enumerate(kind.groups):
            if ("group", named) not in known:
                raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{named}'", f"customer_types[{i}].groups[{j}]")
    for i, customer in enumerate(manifest.customers):
        if (CustomerType.KIND, customer.type) not in known:
            raise Refusal(Reason.INVALID, f"no such customer type: '{customer.type}'", f"customers[{i}].type")


def _check_flow(flow: Flow, known: dict[tuple[str, str], Document]) -> None:
    for node in flow.nodes:
        if isinstance(node, TransferToAgent):
            _check_transfer(node, f"flows[{flow.id}].nodes[{node.id}]", known)
        if isinstance(node, Voicemail):
            _check_mailbox(node, f"flows[{flow.id}].nodes[{node.id}]", known)
        check_audio(prompts_of(node), f"flows[{flow.id}].nodes[{node.id}]", known)


def _check_mailbox(node: Voicemail, where: str, known: dict[tuple[str, str], Document]) -> None:
    if node.group_id is not None and ("group", node.group_id) not in known:
        raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{node.group_id}'", f"{where}.group_id")
    if node.agent_id is not None and ("agent", node.agent_id) not in known:
        raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{node.agent_id}'", f"{where}.agent_id")


def _check_transfer(node: TransferToAgent, where: str, known: dict[tuple[str, str], Document]) -> None:
    named = [("group_id", node.group_id), *((f"also_groups[{i}]", group) for i, group in enumerate(node.also_groups))]
    named += [(f"busy_groups[{i}]", group) for i, group in enumerate(node.busy_groups)]
    for field, group in named:
        if ("group", group) not in known:
            raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{group}'", f"{where}.{field}")
    if node.preferred_agent is not None and ("agent", node.preferred_agent) not in known:
        raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{node.preferred_agent}'", f"{where}.preferred_agent")
