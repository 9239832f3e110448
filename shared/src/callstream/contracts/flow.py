"""Flow documents: the graph that a caller follows (F071-F103), its check, and nothing that runs it.

A valid flow has one Start node, no dangling exits, no unreachable nodes, and every path ends in an End node (F103, F110).
A cycle is allowed (a menu's `*` leads back), but from every node an End must be reachable, whether or not somebody asks to be
called back. Because but for that only a menu has more than one exit, every cycle then holds a menu or a callback that is asked
for, and both take a key: no valid flow runs in circles by itself.
"""

import re
from typing import Annotated, Any, ClassVar

import msgspec

from callstream.contracts.config import Document, Prompt, Skills, SkillStep, Speech
from callstream.contracts.flow_problems import InvalidFlow as InvalidFlow
from callstream.contracts.flow_problems import Problem as Problem
from callstream.contracts.flow_problems import schema_problem
from callstream.contracts.scalars import Token

Prompts = tuple[Prompt, ...]
Label = Annotated[str, msgspec.Meta(max_length=64)]


class Node(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """What all nodes have."""

    id: Token
    label: Label = ""


class Start(Node, frozen=True, kw_only=True, tag="start"):
    """Entry of the flow (F071)."""

    next: Token


class Play(Node, frozen=True, kw_only=True, tag="play"):
    """Plays prompts (F074, F076, F077)."""

    prompts: Annotated[Prompts, msgspec.Meta(min_length=1)]
    next: Token
    repeat: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    barge_in: bool = True


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a branch's map (F079)."""

    key: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]$")]
    name: Label
    next: Token


class Branch(Node, frozen=True, kw_only=True, tag="branch"):
    """A menu (F078-F082). More than `max_errors` wrong or missing keys end the call with reason `max-errors`.

    `timeout_prompts` and `error_prompts` are heard instead of the menu's own prompts when it waits again; without them the
    menu is read again.
    """

    prompts: Annotated[Prompts, msgspec.Meta(min_length=1)]
    choices: Annotated[tuple[Choice, ...], msgspec.Meta(min_length=1)]
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    timeout_prompts: Prompts = ()
    error_prompts: Prompts = ()
    max_errors: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    barge_in: bool = True


class OfferCallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lets who waits hang up and keep the place: they are called back at their own number when it is their turn."""

    after_s: Annotated[int, msgspec.Meta(ge=1, le=3600)]
    """Seconds of waiting before it is offered, once; who withholds their number is not."""
    prompts: Annotated[Prompts, msgspec.Meta(min_length=1)]
    """The offer, which names the key."""
    next: Token
    """Exit of who has taken it."""
    key: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]$")] = "1"
    """Takes the offer, from its beginning until the wait is over."""


class TransferToAgent(Node, frozen=True, kw_only=True, tag="transfer-to-agent"):
    """Asks for an agent of a group and keeps the caller company until the bridge (F085-F087, F091)."""

    group_id: Token
    failed: Token
    """Exit when the request cannot be served."""
    transferring_prompts: Prompts = ()
    queue_prompts: Prompts = ()
    """Looped while waiting; may speak ${WaitNo}, which is asked for anew at each round (F072)."""
    connect_prompts: Prompts = ()
    """For the customer alone, before the bridge; may speak ${StaffNo} (F073)."""
    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    also_groups: Annotated[tuple[Token, ...], msgspec.Meta(max_length=10)] = ()
    """Any of these may serve the request as well (F134)."""
    skills: Skills = {}
    """What its agent must know, at least at these levels."""
    relax: Annotated[tuple[SkillStep, ...], msgspec.Meta(max_length=10)] = ()
    """From `after_s` seconds of waiting on it needs a step's skills instead: the same or fewer, at the same or lower levels."""
    preferred_agent: Token | None = None
    """Takes the request if able to at once."""
    ask_preferred: bool = False
    """The tenant's interface (settings, `preferred_agent_hook`) is asked first; `preferred_agent` when it names nobody (F093)."""
    busy_groups: Annotated[tuple[Token, ...], msgspec.Meta(max_length=10)] = ()
    """They may serve the request as well when nobody of the others is free as it is queued (F092)."""
    offer_callback: OfferCallback | None = None


class Voicemail(Node, frozen=True, kw_only=True, tag="voicemail"):
    """Takes a message for the mailbox of a group or of an agent (F205): the prompts, a beep, then the caller is recorded."""

    prompts: Annotated[Prompts, msgspec.Meta(min_length=1)]
    next: Token
    """When the message is taken: by `#`, after `silence_s` of silence, or after `max_s`."""
    group_id: Token | None = None
    agent_id: Token | None = None
    """One of the two."""
    max_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 120
    silence_s: Annotated[int, msgspec.Meta(ge=2, le=60)] = 10
    barge_in: bool = True
    """A key leads to the beep at once."""


class End(Node, frozen=True, kw_only=True, tag="end"):
    """Hangs up (F103)."""


AnyNode = Start | Play | Branch | TransferToAgent | Voicemail | End


class Flow(Document, frozen=True, kw_only=True):
    """One version of a flow. Kept under `<id>.<version>`."""

    KIND: ClassVar[str] = "flow"
    id: Token
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    nodes: Annotated[tuple[AnyNode, ...], msgspec.Meta(min_length=1, max_length=500)]
    version: int = 1

    @property
    def key_id(self) -> str:
        """`<id>.<version>`."""
        return f"{self.id}.{self.version}"


def read_flow(document: Any) -> Flow:
    """The checked flow of a decoded JSON or YAML document; raises InvalidFlow."""
    try:
        flow = msgspec.convert(document, Flow)
    except msgspec.ValidationError as error:
        raise InvalidFlow([schema_problem(document, str(error))]) from None
    if problems := check(flow):
        raise InvalidFlow(problems)
    return flow


def kind_of(node: AnyNode) -> str:
    """The node's kind as documents and events write it."""
    return str(node.__struct_config__.tag)


CALLBACK_EXIT = "offer_callback.next"


def exits(node: AnyNode) -> tuple[tuple[str, str], ...]:
    """(field, target node id) of each exit of a node."""
    match node:
        case Start() | Play() | Voicemail():
            return (("next", node.next),)
        case Branch():
            return tuple((f"choices[{i}].next", choice.next) for i, choice in enumerate(node.choices))
        case TransferToAgent():
            called_back = ((CALLBACK_EXIT, node.offer_callback.next),) if node.offer_callback is not None else ()
            return (("failed", node.failed), *called_back)
        case End():
            return ()


def check(flow: Flow) -> list[Problem]:
    """All faults of a flow's graph, in the order of its nodes; empty when it may be published."""
    by_id: dict[str, AnyNode] = {}
    problems: list[Problem] = []
    for node in flow.nodes:
        if node.id in by_id:
            problems.append(Problem(node=node.id, field="id", message="another node has this id"))
        by_id[node.id] = node
    starts = [node for node in flow.nodes if isinstance(node, Start)]
    if len(starts) != 1:
        field_of = starts[1].id if starts else ""
        problems.append(Problem(node=field_of, field="nodes", message=f"one Start node is needed, found {len(starts)}"))
    for node in flow.nodes:
        problems += [
            Problem(node=node.id, field=field, message=f"leads to no node: '{target}'")
            for field, target in exits(node)
            if target not in by_id
        ]
        if isinstance(node, Branch):
            problems += _repeated_keys(node)
        if isinstance(node, TransferToAgent):
            problems += _routing_problems(node)
        if isinstance(node, Voicemail) and (node.group_id is None) == (node.agent_id is None):
            problems.append(Problem(node=node.id, field="group_id", message="name a group or an agent, one of the two"))
        problems += _misplaced_variables(node)
    if problems:
        return problems
    reached = _closure({starts[0].id}, {node.id: [t for _, t in exits(node)] for node in flow.nodes})
    back: dict[str, list[str]] = {node.id: [] for node in flow.nodes}
    for node in flow.nodes:
        for field, target in exits(node):
            if field != CALLBACK_EXIT:  # else `failed` could lead round and round, with no key pressed
                back[target].append(node.id)
    ending = _closure({node.id for node in flow.nodes if isinstance(node, End)}, back)
    for node in flow.nodes:
        if node.id not in reached:
            problems.append(Problem(node=node.id, field="id", message="cannot be reached from Start"))
        elif node.id not in ending:
            problems.append(Problem(node=node.id, field="next", message="no path from here reaches an End node"))
    return problems


def _repeated_keys(node: Branch) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for i, choice in enumerate(node.choices):
        if choice.key in seen:
            problems.append(Problem(node=node.id, field=f"choices[{i}].key", message=f"key '{choice.key}' stands twice"))
        seen.add(choice.key)
    return problems


def _routing_problems(node: TransferToAgent) -> list[Problem]:
    """Groups that stand twice, and steps that ask for more than the one before or do not come later."""
    problems = []
    named = [node.group_id]
    for i, group in enumerate(node.also_groups):
        if group in named:
            problems.append(Problem(node=node.id, field=f"also_groups[{i}]", message=f"group '{group}' stands twice"))
        named.append(group)
    needed, after_s = node.skills, 0
    for i, step in enumerate(node.relax):
        if step.after_s <= after_s:
            problems.append(Problem(node=node.id, field=f"relax[{i}].after_s", message=f"must be greater than {after_s}"))
        for skill, level in step.skills.items():
            if level > needed.get(skill, 0):
                message = f"asks for more '{skill}' than the step before"
                problems.append(Problem(node=node.id, field=f"relax[{i}].skills", message=message))
        needed, after_s = step.skills, step.after_s
    return problems


_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLES_OF = {"queue_prompts": "WaitNo", "connect_prompts": "StaffNo"}
"""The only places where the number of callers ahead and the agent's number are known (F071-F073)."""


def _misplaced_variables(node: AnyNode) -> list[Problem]:
    problems = []
    offered = node.offer_callback if isinstance(node, TransferToAgent) else None
    spoken: list[tuple[str, Prompts]] = [(n, getattr(node, n)) for n in node.__struct_fields__ if n.endswith("prompts")]
    if offered is not None:
        spoken.append(("offer_callback.prompts", offered.prompts))
    for name, prompts in spoken:
        for i, prompt in enumerate(prompts):
            if not isinstance(prompt, Speech):
                continue
            for variable in _VARIABLE.findall(prompt.text):
                if variable != _VARIABLES_OF.get(name):
                    message = f"'${{{variable}}}' is not known here"
                    problems.append(Problem(node=node.id, field=f"{name}[{i}].text", message=message))
    return problems


def _closure(seed: set[str], edges: dict[str, list[str]]) -> set[str]:
    reached, todo = set(seed), list(seed)
    while todo:
        for target in edges[todo.pop()]:
            if target not in reached:
                reached.add(target)
                todo.append(target)
    return reached
