"""The closed list of endings: every call, request, offer, leg and recording ends with one outcome and one reason from here.

Outcomes follow the metric dictionary (docs/features.md, appendix 2): they partition what they describe, so sums balance.
Adding a member is a compatible change of the contracts; renaming or removing one is not.
"""

from enum import StrEnum


class Party(StrEnum):
    """Who ended a call (F015)."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"
    SUPERVISOR = "supervisor"


class CallOutcome(StrEnum):
    """How a call ended. Each call has exactly one (conservation law)."""

    BLOCKED = "blocked"
    """Refused before the flow (F129); not counted as inbound."""
    IVR_ENDED = "ivr-ended"
    """The flow reached End or the system ended it, without a request for an agent."""
    IVR_ABANDONED = "ivr-abandoned"
    """The caller left before asking for an agent."""
    ANSWERED = "answered"
    """An agent answered the request."""
    QUEUE_ABANDONED = "queue-abandoned"
    """The caller left while waiting or while an offer rang."""
    REDIRECTED = "redirected"
    """The request left the queue for an external number, voicemail or callback."""
    STOPPED = "stopped"
    """A supervisor ended the request (F211)."""
    FAILED = "failed"
    """The request could not be served: no agent online, queue limit, or a fault of ours."""
    UNANSWERED = "unanswered"
    """Of an outbound or internal call: whom the agent called was not reached. Reached, it is `answered`."""


class RequestOutcome(StrEnum):
    """How a request for an agent left its queue."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    REDIRECTED = "redirected"
    STOPPED = "stopped"
    FAILED = "failed"


class Reason(StrEnum):
    """Why something ended or was refused. One list for calls, requests, offers, legs, sessions and commands."""

    # ends in the ordinary course
    NORMAL = "normal"
    FLOW_ENDED = "flow-ended"
    CALLER_HUNG_UP = "caller-hung-up"
    CALLER_CANCELLED = "caller-cancelled"
    CALLER_LOST = "caller-lost"
    """The caller's phone vanished without a BYE: no ACK, session timer run out, unreachable."""
    AGENT_HUNG_UP = "agent-hung-up"
    LEFT_BY_KEY = "left-by-key"
    ANSWERED = "answered"
    SUPERVISOR = "supervisor"
    CALLBACK = "callback"
    """The caller hung up to be called back: a callback waits in their place."""
    CALLED_AGAIN = "called-again"
    """Whom a callback waited for has called again, and has its place."""
    NO_AUDIO = "no-audio"
    """Nobody's phone sent a single packet: there is nothing to record."""
    # limits and timers
    MAX_ERRORS = "max-errors"
    RING_TIMEOUT = "ring-timeout"
    QUEUE_TIMEOUT = "queue-timeout"
    QUEUE_FULL = "queue-full"
    MEDIA_TIMEOUT = "media-timeout"
    RESERVATION_EXPIRED = "reservation-expired"
    CALLBACK_EXPIRED = "callback-expired"
    """A callback was not made in its time."""
    # the other side refused or cannot be reached
    AGENT_REJECTED = "agent-rejected"
    AGENT_UNREACHABLE = "agent-unreachable"
    AGENT_GONE = "agent-gone"
    AGENT_BUSY = "agent-busy"
    """The one agent who was wanted is at something else."""
    NO_AGENT_ONLINE = "no-agent-online"
    OFFER_LOST = "offer-lost"
    """The offer and its answer crossed with a withdrawal that stands earlier in the log."""
    BUSY = "busy"
    """An outside number is busy."""
    NO_ANSWER = "no-answer"
    """An outside number rang out."""
    CALLEE_REJECTED = "callee-rejected"
    """An outside number said no."""
    CALLEE_UNREACHABLE = "callee-unreachable"
    """An outside number does not exist, or is not to be reached now."""
    EXTERNAL_HUNG_UP = "external-hung-up"
    """The outside party that had taken the customer over hung up."""
    # refusals
    UNKNOWN_NUMBER = "unknown-number"
    UNKNOWN_PEER = "unknown-peer"
    UNKNOWN_CALL = "unknown-call"
    UNKNOWN_AGENT = "unknown-agent"
    UNKNOWN_GROUP = "unknown-group"
    UNKNOWN_FLOW = "unknown-flow"
    BLACKLISTED = "blacklisted"
    ILLEGAL_STATE = "illegal-state"
    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    NOT_SIGNED_IN = "not-signed-in"
    ALREADY_RESERVED = "already-reserved"
    AT_CAPACITY = "at-capacity"
    """The agent has as many contacts of the channel as they may (F049)."""
    SESSION_TAKEN_OVER = "session-taken-over"
    """The agent has signed in elsewhere since; this session is over."""
    TERMINAL_NOT_SUPPORTED = "terminal-not-supported"
    """The agent's terminal is of a kind that cannot be rung yet."""
    NO_TRUNK = "no-trunk"
    """No trunk can take the call now: none is configured for this caller id, or all are down or full."""
    TRUNKS_FAILED = "trunks-failed"
    """Every trunk that could be tried failed; the callee was not reached."""
    # faults
    GATEWAY_LOST = "gateway-lost"
    MEDIA_FAILED = "media-failed"
    NO_COMMON_CODEC = "no-common-codec"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"
    DRAINING = "draining"
    INTERNAL = "internal"
