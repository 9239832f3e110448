"""Further events of the aggregate `call`: what agents and supervisors do to a call that goes on. Owned by media-gateway.

A party of a call is one of its legs: the customer, an agent, an outside party (`external`), a supervisor. Who serves the
customer is told by `call.bridged` (the first agent) and `call.transferred` (each one after).
"""

from callstream.contracts.envelope import Event, event
from callstream.contracts.states import LegRole, Purpose, Supervision
from callstream.kernel.outcomes import Reason


@event("call", "leg-answered")
class LegAnswered(Event, frozen=True, kw_only=True):
    """A party other than an offered agent has picked up: the dialled customer, an outside party, a supervisor, or the dialling
    agent's own phone."""

    leg_id: str
    role: LegRole
    agent_id: str = ""
    number: str = ""


@event("call", "agent-wanted")
class AgentWanted(Event, frozen=True, kw_only=True):
    """An agent asked for another one to consult, to invite into the talk, or to call (F016, F022, F056).

    It becomes a request of routing's like any other, with one target: reserved first, then offered, so that no agent ever
    rings twice. `queue.left` tells that nobody came.
    """

    request_id: str
    purpose: Purpose
    agent_id: str
    """Who asked."""
    target_agent_id: str
    actor: str
    caller: str
    gateway: str
    customer_leg_id: str = ""
    """Empty in an internal call, which has no customer."""


@event("call", "held")
class CallHeld(Event, frozen=True, kw_only=True):
    """The customer hears music; neither side hears the other (F013). Each period has its own pair of events."""

    agent_id: str
    leg_id: str
    """The leg that is held."""
    actor: str = ""
    """Empty: the agent's phone did it by itself (RFC 3264 8.4)."""


@event("call", "retrieved")
class CallRetrieved(Event, frozen=True, kw_only=True):
    """The hold is over."""

    agent_id: str
    leg_id: str
    actor: str = ""


@event("call", "muted")
class AgentMuted(Event, frozen=True, kw_only=True):
    """Nobody hears the agent, who hears the others (F014)."""

    agent_id: str
    leg_id: str


@event("call", "unmuted")
class AgentUnmuted(Event, frozen=True, kw_only=True):
    """The agent is heard again."""

    agent_id: str
    leg_id: str


@event("call", "consult-started")
class ConsultStarted(Event, frozen=True, kw_only=True):
    """The agent asks somebody else while the customer is held (F016, F017)."""

    consult_id: str
    """Of an asked agent: the request id of `call.agent-wanted`, which the end of the consultation ends as well."""
    agent_id: str
    target_agent_id: str = ""
    number: str = ""
    """E.164 of an outside party."""
    actor: str = ""


@event("call", "consult-ended")
class ConsultEnded(Event, frozen=True, kw_only=True):
    """The consultation is over."""

    consult_id: str
    agent_id: str
    how: str
    """`completed` (the target serves the customer now), `joined` (all talk together), `cancelled`, `failed` (nobody came),
    `target-left`."""
    reason: Reason = Reason.NORMAL


@event("call", "party-joined")
class PartyJoined(Event, frozen=True, kw_only=True):
    """One more party talks with customer and agent (F022)."""

    leg_id: str
    role: LegRole
    agent_id: str = ""
    number: str = ""
    actor: str = ""


@event("call", "party-left")
class PartyLeft(Event, frozen=True, kw_only=True):
    """A party of a talk of three is gone, the others go on (F021, F022)."""

    leg_id: str
    role: LegRole
    agent_id: str = ""
    number: str = ""
    actor: str = ""
    """Who dropped them; empty: they left by themselves."""


@event("call", "transferred")
class CallTransferred(Event, frozen=True, kw_only=True):
    """Somebody else serves the customer from now on (F016-F020, F214)."""

    agent_id: str
    """Who served until now."""
    how: str
    """`blind`, `consult` or `left` (the agent left a talk of three)."""
    to_agent_id: str = ""
    to_number: str = ""


@event("call", "supervision-started")
class SupervisionStarted(Event, frozen=True, kw_only=True):
    """A supervisor hears an agent's service (F215, F216). Neither party is told."""

    leg_id: str
    supervisor: str
    """User id."""
    agent_id: str
    mode: Supervision


@event("call", "supervision-changed")
class SupervisionChanged(Event, frozen=True, kw_only=True):
    """From listening to whispering, and so on."""

    leg_id: str
    mode: Supervision


@event("call", "supervision-ended")
class SupervisionEnded(Event, frozen=True, kw_only=True):
    """The supervisor has left, or the service is over."""

    leg_id: str
    supervisor: str
    agent_id: str


@event("call", "playback-started")
class PlaybackStarted(Event, frozen=True, kw_only=True):
    """An agent or a supervisor has something played to the customer (F024, F025, F217); `call.playback-finished` follows."""

    play_id: str
    actor: str
    audio_ids: tuple[str, ...] = ()
    text: str = ""


@event("call", "digits-sent")
class DigitsSent(Event, frozen=True, kw_only=True):
    """An agent sent keys to the far end (F030). Which ones is nobody's business: they may be a password."""

    leg_id: str
    count: int
    actor: str


@event("call", "recording-paused")
class RecordingPaused(Event, frozen=True, kw_only=True):
    """Both channels hold silence from now on, for card data; times stay right."""

    recording_id: str
    agent_id: str
    actor: str


@event("call", "recording-resumed")
class RecordingResumed(Event, frozen=True, kw_only=True):
    """The recording holds again what is said."""

    recording_id: str
    agent_id: str
    actor: str


@event("call", "collection-started")
class CollectionStarted(Event, frozen=True, kw_only=True):
    """The customer is asked to key something in (F026)."""

    collection_id: str
    template_id: str
    agent_id: str
    sensitive: bool = False


@event("call", "digits-collected")
class DigitsCollected(Event, frozen=True, kw_only=True):
    """What the customer keyed in. Of a sensitive template each digit but the last four is `*`, here and everywhere."""

    collection_id: str
    template_id: str
    digits: str
    how: str
    """`complete`, `timeout`, `cancelled`."""


@event("call", "flow-started")
class FlowStarted(Event, frozen=True, kw_only=True):
    """An agent sends the customer into a flow and has them back afterwards (F027); until then the two hear each other not.

    ivr runs it as a session of its own, whose id is the run's; its `ivr.ended` ends the run. Nodes that ask for an agent end
    it too: there is one.
    """

    run_id: str
    agent_id: str
    actor: str
    flow_id: str
    flow_version: int
    caller: str
    called: str
    gateway: str
    customer_leg_id: str


@event("call", "flow-left")
class FlowLeft(Event, frozen=True, kw_only=True):
    """The customer is back with the agent, or the call is over."""

    run_id: str
    agent_id: str
    how: str
    """`ended` (the flow came to an end), `resumed` (the agent took the customer back) or `cancelled` (the call is over)."""
    reason: Reason = Reason.FLOW_ENDED
    node_id: str = ""
    """Where the flow ended: what came of it."""
    actor: str = ""


@event("call", "survey-started")
class SurveyStarted(Event, frozen=True, kw_only=True):
    """The agent has left, the customer is asked for a rating (F028)."""

    agent_id: str
    actor: str


@event("call", "rated")
class CallRated(Event, frozen=True, kw_only=True):
    """The customer's key (F028)."""

    agent_id: str
    rating: int
