"""Between our reasons and SIP's status codes."""

from callstream.kernel.outcomes import Reason

REFUSAL_STATUS = {
    Reason.UNKNOWN_NUMBER: 404,
    Reason.UNKNOWN_PEER: 403,
    Reason.FORBIDDEN: 403,
    Reason.UNKNOWN_FLOW: 404,
    Reason.QUEUE_FULL: 486,
    Reason.NO_AGENT_ONLINE: 480,
    Reason.QUEUE_TIMEOUT: 480,
    Reason.NO_COMMON_CODEC: 488,
    Reason.UNAVAILABLE: 503,
    Reason.NO_TRUNK: 503,
    Reason.TRUNKS_FAILED: 503,
    Reason.DRAINING: 503,
    Reason.MEDIA_FAILED: 503,
    Reason.INTERNAL: 500,
}
"""How a call that was never answered is refused (RFC 3261 §21); everything else is a plain 603 Decline."""


def status_of(reason: Reason) -> int:
    """The final answer to an INVITE that is refused for `reason`."""
    return REFUSAL_STATUS.get(reason, 603)


PHONE_STATUS = {
    **REFUSAL_STATUS,
    Reason.NORMAL: 480,
    Reason.AGENT_HUNG_UP: 480,
    Reason.INVALID: 404,
    Reason.UNKNOWN_AGENT: 404,
    Reason.UNKNOWN_GROUP: 404,
    Reason.BUSY: 486,
    Reason.AGENT_BUSY: 486,
    Reason.ALREADY_RESERVED: 486,
    Reason.ILLEGAL_STATE: 486,
    Reason.NOT_SIGNED_IN: 403,
    Reason.TERMINAL_NOT_SUPPORTED: 403,
    Reason.AT_CAPACITY: 480,
    Reason.NO_ANSWER: 480,
    Reason.RING_TIMEOUT: 480,
    Reason.AGENT_UNREACHABLE: 480,
    Reason.CALLEE_UNREACHABLE: 480,
    Reason.CALLER_HUNG_UP: 480,
    Reason.CALLER_LOST: 480,
    Reason.MEDIA_TIMEOUT: 480,
}
"""How an agent's phone is told that its own call, or its transfer, has come to nothing; everything else is 603."""


def status_for_phone(reason: Reason) -> int:
    """The final answer to an agent's phone that has called us, or has asked for a transfer."""
    return PHONE_STATUS.get(reason, 603)


REJECTED = frozenset({486, 600, 603, 403, 487})
"""Busy, declined, forbidden by the phone's do-not-disturb, or given up: a person or their setting said no."""


PROCESS_LOST = 0
"""In place of a phone's final answer: the process that rang it was killed, and its answer cannot be heard any more."""


def phone_reason(status: int) -> Reason:
    """Why an agent's phone was not reached, by its final answer."""
    if status == PROCESS_LOST:
        return Reason.GATEWAY_LOST
    if status in REJECTED:
        return Reason.AGENT_REJECTED
    return Reason.NO_COMMON_CODEC if status == 488 else Reason.AGENT_UNREACHABLE
