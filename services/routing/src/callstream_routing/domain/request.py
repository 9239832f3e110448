"""One request for an agent, as the log tells of it, with its open offer."""

from datetime import datetime, timedelta

import msgspec

from callstream.contracts.config import Prompt, SkillStep
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_routing.domain.seat import Need, need_of, stamp
from callstream_routing.domain.stages import CALLBACK, Move, Stage

STEPS_A_LEVEL = 10
"""Priorities go from 0 to 9, so at equal wait a level of customer type outweighs every priority."""

Place = tuple[int, int, int, str]
"""Sorts the requests of a line, the smallest first: urgency below zero, moment in ms, log position, id (D9: for good)."""


class Offer(msgspec.Struct, kw_only=True):
    """The one open offer of a request."""

    id: str
    agent_id: str
    group_id: str
    made_at: datetime
    deadline: datetime
    event_id: str
    failed: Reason | None = None
    """Why the agent's phone could not be rung or said no."""
    failed_by: str = ""
    """Id of the event that said so."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The fact that ended the request, the first one in the log; `queue.left` follows from it."""

    outcome: RequestOutcome
    reason: Reason
    at: datetime
    event_id: str


class AskedBack(msgspec.Struct, frozen=True):
    """The caller wants to be called back at this number."""

    number: str
    at: datetime


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt to call back has reached nobody; `queue.callback-tried` follows from it."""

    reason: Reason
    at: datetime
    event_id: str


class Callback(msgspec.Struct, kw_only=True):
    """What a request is beyond others that calls somebody back. Its `call_id` is the call in which it was asked for."""

    of: str
    """The request whose place it has."""
    number: str
    asked_at: datetime
    expires_at: datetime | None = None
    """None: not queued yet."""
    stage: Stage = CALLBACK.initial
    attempts: int = 0
    """In vain, as far as they count."""
    call_id: str = ""
    """The present attempt's own call."""
    failure: Failure | None = None
    rests_until: datetime | None = None
    then: Ending | None = None
    """What ends it if the attempt that goes on reaches nobody."""

    def move(self, given: Move) -> None:
        """Take a step of the table; raises IllegalTransition."""
        self.stage = CALLBACK.next_state(self.stage, given)


class Request(msgspec.Struct, kw_only=True):
    """A request from `ivr.agent-requested` until its `queue.left`."""

    id: str
    call_id: str
    caller: str
    asked: tuple[str, ...]
    """Groups that the flow named."""
    groups: tuple[str, ...]
    """Groups that may serve it now."""
    priority: int
    requested_at: datetime
    """When the agent was requested (tR): what waiting is measured from."""
    enqueued_at: datetime
    """What its place counts from: tR, or that of an earlier request whose place it took."""
    gateway: str
    customer_leg_id: str
    connect_prompt: tuple[Prompt, ...]
    requested_seq: int
    """Log position of the event that brought it."""
    requested_by: str
    """Id of the event that brought it."""
    skills: dict[str, int] = {}
    relax: tuple[SkillStep, ...] = ()
    preferred_agent: str = ""
    busy_groups: tuple[str, ...] = ()
    """Groups that may serve it too when nobody else is free as it is queued (F092)."""
    only: str = ""
    """The one agent who may serve it (F016, F022, F056, F132): it stands in no group's line, and leaves when they cannot."""
    patient: bool = False
    """Of `only`: they are waited for while they are in a call or wrap up, until `assigned_until`."""
    counts: bool = True
    """A customer's request, not a colleague's: it counts for agents and is remembered."""
    chosen: bool = False
    """A person chose its group (F019): the customer's type keeps it out of none."""
    rule: str = ""
    """Why `assigned` is the one; empty: a supervisor says so."""
    assigned: str = ""
    """The agent who is wanted for it (F018, F212, F214); until an offer is made, at the latest until `assigned_until`."""
    assigned_until: datetime | None = None
    customer_type: str = ""
    level: int = 0
    """Of the customer type."""
    estimate_ms: int | None = None
    entered: dict[str, datetime] = {}
    """Since when it waits in each of its groups (F136)."""
    been: set[str] = set()
    """Groups that it has been in: overflow never goes back."""
    queued: bool = False
    """`queue.queued` stands in the log."""
    version: int = 0
    """Log position of the request's last own event."""
    last_event_id: str = ""
    offer: Offer | None = None
    offered: set[str] = set()
    """Agents that it has been offered to (F131)."""
    ending: Ending | None = None
    asked_back: AskedBack | None = None
    """Its caller leaves for a callback."""
    callback: Callback | None = None
    """It is a callback."""
    held_until: datetime | None = None
    """A decision about it is under way; no other is taken before this moment or its next event."""
    # The board's indexes; not a part of what is kept.
    step: int = 0
    """Steps of relaxation reached."""
    need: Need = ()
    """What its agent must know now; follows from `step`."""
    places: dict[str, Place] = {}
    is_ready: bool = False
    """It stands among the ready ones of its groups."""

    @property
    def ready(self) -> bool:
        """Whether it can be offered now."""
        free = self.held_until is None and self.queued and self.offer is None and self.ending is None
        return free and (self.callback is None or self.callback.stage is Stage.WAITING)

    @property
    def resting(self) -> bool:
        """It stands in no line now."""
        return self.callback is not None and self.callback.stage is Stage.RESTING

    @property
    def own_call(self) -> str:
        """The call whose end concerns it; of a callback that of the present attempt, or empty."""
        return self.call_id if self.callback is None else self.callback.call_id

    def offer_id_for(self, agent_id: str, now: datetime) -> str:
        """The id of an attempt to offer it to this agent now. Written out, not derived: a hash was a sixth of a decision."""
        return f"{self.id}-{self.version}-{agent_id}-{round(now.timestamp() * 1_000_000)}"

    def call_for(self, offer_id: str) -> str:
        """The call that an offer is about: an attempt to call back is a call of its own."""
        return self.call_id if self.callback is None else derived_id("call-back", offer_id)

    def finish(self, ending: Ending) -> None:
        """It is to end so, unless it ends already; a callback whose customer is being called if that is in vain."""
        if self.callback is not None and self.callback.stage is Stage.CALLING:
            self.callback.then = self.callback.then or ending
        else:
            self.ending = self.ending or ending

    def reach(self, step: int) -> None:
        """So many steps of relaxation are reached; the request must not stand in a line meanwhile."""
        self.step = step
        self.need = need_of(self.relax[step - 1].skills if step else self.skills)

    @property
    def urgency(self) -> int:
        """Level of customer type and priority in one number (F126)."""
        return self.level * STEPS_A_LEVEL + self.priority

    def step_at(self, now: datetime) -> int:
        """Steps of relaxation that waiting has reached by `now`."""
        waited = now - self.requested_at
        return sum(1 for step in self.relax if waited >= timedelta(seconds=step.after_s))

    @property
    def next_step(self) -> datetime | None:
        """When the next step of relaxation comes, or None."""
        if self.step >= len(self.relax):
            return None
        return self.requested_at + timedelta(seconds=self.relax[self.step].after_s)

    def place(self, ageing_s: int, level: int | None = None, enqueued_at: datetime | None = None) -> Place:
        """Where it stands in a line.

        Strict order: urgency, then wait (F125, F126). With ageing each step of urgency is a head start of `ageing_s`, so that
        the order of two requests never changes while they wait, and sorting them once is enough.
        """
        urgency = self.urgency if level is None else level * STEPS_A_LEVEL + self.priority
        moment = stamp(enqueued_at or self.enqueued_at)
        behind = (self.requested_seq, self.id)
        return (0, moment - urgency * ageing_s * 1000, *behind) if ageing_s else (-urgency, moment, *behind)
