"""Events of the aggregate `ivr`, owned by ivr: one session for each call, the aggregate id is the call id.

`handled` is the log position of the newest event that the session had taken into account: what stands behind it is still
to be handled after a crash.
"""

import msgspec

from callstream.contracts.config import Prompt, SkillStep
from callstream.contracts.envelope import Event, event
from callstream.kernel.outcomes import Reason


@event("ivr", "started")
class IvrStarted(Event, frozen=True, kw_only=True):
    """The flow bound to the called number began for this call, on the version that was published at that moment (F116).

    It stands in the first `ivr.node-entered` or `ivr.agent-requested`, or alone when neither follows at once.
    """

    flow_id: str
    flow_version: int
    number: str
    handled: int


@event("ivr", "key-pressed")
class KeyPressed(Event, frozen=True, kw_only=True):
    """A key that a node was waiting for, or a wrong one: the caller's key trail (F012). One that leads to a node stands in the
    event that enters it."""

    node_id: str
    label: str
    key: str
    branch: str
    """Name of the branch taken; empty for a wrong key."""
    errors: int
    """Wrong and missing keys since this node was entered."""
    handled: int
    play_id: str = ""
    """The error prompt that a wrong key asks for, or empty."""


@event("ivr", "node-entered")
class NodeEntered(Event, frozen=True, kw_only=True):
    """The call reached a play, branch or voicemail node.

    The other nodes are told by their own events: `ivr.started`, `ivr.agent-requested`, `ivr.ended`.
    """

    node_id: str
    kind: str
    label: str
    handled: int
    play_id: str = ""
    """The playback that this entry asks for, or empty."""
    barge_in: bool = False
    """Keys count while this node's prompts play."""
    timeout_s: int = 0
    """How long the node waits for a key once a prompt is over; 0: it waits for none."""
    started: IvrStarted | None = None
    """Of the first node: the flow began with it."""
    pressed: KeyPressed | None = None
    """The key that led here."""


@event("ivr", "input-timed-out")
class InputTimedOut(Event, frozen=True, kw_only=True):
    """No key within the node's time (F080); counts as an error (D5)."""

    node_id: str
    errors: int
    handled: int
    play_id: str = ""
    """The timeout prompt, or empty when there were too many errors."""


@event("ivr", "prompt-started")
class PromptStarted(Event, frozen=True, kw_only=True):
    """The next round of a waiting caller's queue prompts (F087), or another playback of the same node."""

    node_id: str
    purpose: str
    """`queue`; `message`: the beep and the caller's message (F205); `callback`: the offer to be called back."""
    play_id: str
    handled: int
    key: str = ""
    """Of `callback`: the key that takes the offer, from now on."""


@event("ivr", "prompt-failed")
class PromptFailed(Event, frozen=True, kw_only=True):
    """The gateway refused a playback (unknown audio, …): the flow goes on as if it were over."""

    node_id: str
    play_id: str
    reason: Reason
    handled: int
    message: str = ""


class TrailEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key of the trail, as the agent sees it (F012)."""

    label: str
    key: str
    branch: str
    time: str
    """ISO 8601, UTC."""


@event("ivr", "agent-requested")
class AgentRequested(Event, frozen=True, kw_only=True):
    """The call reached a transfer node: the caller asks for an agent (tR). From here routing owns the wait."""

    request_id: str
    call_id: str
    group_id: str
    caller: str
    called: str
    gateway: str
    customer_leg_id: str
    handled: int
    priority: int = 0
    """Greater is served first."""
    attributes: dict[str, str] = {}
    trail: tuple[TrailEntry, ...] = ()
    also_groups: tuple[str, ...] = ()
    """Further groups any of which may serve it (F134); it has its place in each."""
    skills: dict[str, int] = {}
    """Skill → least level that its agent must have."""
    relax: tuple[SkillStep, ...] = ()
    """What it needs after waiting for some time, instead of `skills`."""
    preferred_agent: str = ""
    """The agent who should take it if they can at once (F093)."""
    connect_prompt: tuple[Prompt, ...] = ()
    """Played to the customer before the bridge (F091); `${StaffNo}` still stands in it."""
    node_id: str = ""
    label: str = ""
    play_id: str = ""
    """The transferring prompt, or the first round of the queue prompts; empty when the node has neither."""
    only_agent: str = ""
    """Past the flow to the agent who called this caller (F132, F133): no group is asked, and when they cannot come, the flow
    begins. `group_id` and `node_id` are empty then."""
    busy_groups: tuple[str, ...] = ()
    """They may serve it as well when nobody of the other groups is free as it is queued (F092)."""
    patient: bool = False
    """Of `only_agent`: wait while they are in a call or wrap up."""
    callback_after_s: int = 0
    """Waiting for so long, the caller is offered to be called back; 0: never."""
    started: IvrStarted | None = None
    """Of the first request, when no node was entered before: the flow began with it."""
    pressed: KeyPressed | None = None
    """The key that led here."""


@event("ivr", "callback-asked")
class CallbackAsked(Event, frozen=True, kw_only=True):
    """A waiting caller wants to be called back instead. `queue.left` with reason `callback` follows, unless the request has ended
    by then."""

    request_id: str
    number: str
    """E.164: the caller's own."""
    node_id: str
    label: str
    key: str
    handled: int


@event("ivr", "ended")
class IvrEnded(Event, frozen=True, kw_only=True):
    """The flow has ended its session: it reached End, gave up on its caller, or was stopped. A session that others end has no
    event of its own: `call.offer-answered` and `call.ended` say it, of a run `call.flow-left`."""

    reason: Reason
    handled: int
    node_id: str = ""
