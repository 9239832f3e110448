"""The state of one session: a call on its way through a flow, as far as the log tells it.

Plain data that msgpack can keep (snapshots). Only `evolve` changes it.
"""

from datetime import datetime

import msgspec

from callstream.contracts.ivr_events import TrailEntry
from callstream.kernel.outcomes import Reason, RequestOutcome

MAX_WAITING_KEYS = 20
"""Keys kept for menus to come; more are dropped, so that no caller can fill the memory."""


class Key(msgspec.Struct, frozen=True):
    """A key that no event of ours has answered yet."""

    seq: int
    digit: str
    ahead: bool = False
    """Pressed before its menu began: a choice is taken, anything else is no error."""


class Session(msgspec.Struct, kw_only=True):
    """One call's session. Moments are aware UTC."""

    tenant: str
    call_id: str
    """Of a run in the middle of a call (F027): the run's id, by which everything of the session is named."""
    of_call: str = ""
    """Of a run: the call's id."""
    caller: str
    called: str
    gateway: str
    leg_id: str
    arrived_seq: int
    arrived_at: datetime
    recalled: str = ""
    """The agent who called this caller within the last three days, or empty."""
    trace: str = ""
    cause: str = ""
    """Id of the newest event of others that changed this: the cause of what is decided next."""

    version: int = 0
    """Log position of the session's own newest event: what the next append expects."""
    handled: int = 0
    flow_id: str = ""
    flow_version: int = 0
    node_id: str = ""
    kind: str = ""
    barge_in: bool = False
    timeout_s: int = 0
    errors: int = 0
    chosen: str = ""
    """The key that was taken here; the next event leaves the node by it."""
    purpose: str = ""
    """What the playback is to its node: `entry`, `error`, `timeout`, `queue`, `message`, `callback` or `stopped`."""
    hops: int = 0
    """Nodes entered since the caller's last choice: more than the flow has are a circle without an end."""

    plays: int = 0
    play_id: str = ""
    play_started: datetime | None = None
    play_over: str = ""
    """How the playback ended; empty while it is on."""
    stale_play: str = ""
    """An earlier playback that may still be on although its node was left for one that plays nothing."""
    due: datetime | None = None
    """When the session must act unless something happens: a menu's timeout, the next queue round, an unknown number."""
    keys: tuple[Key, ...] = ()
    trail: tuple[TrailEntry, ...] = ()

    answered: bool = False
    requests: int = 0
    request_id: str = ""
    direct: bool = False
    """The request went past the flow to the one agent who called this caller; the flow has not begun."""
    request_outcome: RequestOutcome | None = None
    request_reason: Reason | None = None
    callback_due: datetime | None = None
    """When the caller is to be offered to be called back."""
    callback_key: str = ""
    """They were: the key that takes it."""
    callback_asked: bool = False
    open_offer: str = ""
    agent_answered: bool = False
    call_ended: Reason | None = None
    ended: Reason | None = None

    @property
    def call(self) -> str:
        """The call that commands go to."""
        return self.of_call or self.call_id

    @property
    def prompt_is_on(self) -> bool:
        """A playback was asked for and its end is not in the log."""
        return bool(self.play_id) and not self.play_over

    @property
    def wakes_at(self) -> datetime | None:
        """When the session is to be looked at although nothing happens."""
        dues = [due for due in (self.due, self.callback_due) if due is not None]
        return min(dues, default=None)

    def offers_callback(self, now: datetime) -> bool:
        """Whether it is time to offer it; while an agent rings it waits."""
        return self.callback_due is not None and self.callback_due <= now and not self.open_offer

    def overdue(self, now: datetime) -> bool:
        """Whether the session's timer has run out."""
        return self.due is not None and self.due <= now

    @property
    def next_play_id(self) -> str:
        """The id of the playback that the next event may ask for. Derived, so a repeated decision gives the same one."""
        return f"{self.call_id}-p{self.plays + 1}"

    @property
    def next_request_id(self) -> str:
        """The id of the next request for an agent."""
        return f"{self.call_id}-r{self.requests + 1}"
