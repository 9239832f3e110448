"""Which command is possible when (F035): one table, from which refusals and the controls of CallView both come."""

from enum import StrEnum


class Control(StrEnum):
    """Commands to a call that goes on, by their names."""

    HOLD = "hold"
    RETRIEVE = "retrieve"
    MUTE = "mute"
    UNMUTE = "unmute"
    BLIND_TRANSFER = "blind-transfer"
    CONSULT = "consult"
    COMPLETE = "complete-transfer"
    CANCEL = "cancel-consult"
    JOIN = "join"
    LEAVE = "leave"
    DROP_PARTY = "drop-party"
    SEND_DIGITS = "send-digits"
    PLAY = "play-to-customer"
    COLLECT = "collect-digits"
    RUN_FLOW = "run-flow"
    RESUME = "resume"
    SURVEY = "survey"
    PAUSE_RECORDING = "pause-recording"
    RESUME_RECORDING = "resume-recording"
    HANG_UP = "agent-hang-up"
    SUPERVISE = "supervise"
    END_SUPERVISION = "end-supervision"
    TEAR_DOWN = "tear-down"
    TRANSFER = "transfer"


class Situation(StrEnum):
    """A call as one of its agents has it."""

    RINGING = "ringing"
    """The agent's phone rings, or its answer is not confirmed yet."""
    CONNECTING = "connecting"
    """The agent has won the call; the customer hears the connect prompt."""
    DIALLING = "dialling"
    """The agent began the call; the callee has not answered."""
    TALKING = "talking"
    HELD = "held"
    ASKING = "asking"
    """The customer is held while the consulted party is rung."""
    CONSULTING = "consulting"
    CALLING = "calling"
    """As consulting, but on a second call of the agent's phone, which itself chooses with whom they talk."""
    CONSULTED = "consulted"
    """The agent is the one who is asked."""
    IN_FLOW = "in-flow"
    """The customer is in a flow, and will be back."""
    CONFERENCE = "conference"
    """The agent serves the customer, and a third party talks with them."""
    JOINED = "joined"
    """The agent is the third party."""
    ABSENT = "absent"
    """The agent has no part in the call."""
    OVER = "over"


_C, _S = Control, Situation

_ALWAYS = frozenset({_C.MUTE, _C.UNMUTE, _C.HANG_UP})
_SERVING = _ALWAYS | {_C.PAUSE_RECORDING, _C.RESUME_RECORDING, _C.SUPERVISE, _C.END_SUPERVISION, _C.TEAR_DOWN}

POSSIBLE: dict[Situation, frozenset[Control]] = {
    _S.RINGING: frozenset(),
    _S.CONNECTING: frozenset({_C.HANG_UP, _C.TEAR_DOWN}),
    _S.DIALLING: _ALWAYS,
    _S.TALKING: _SERVING
    | {_C.HOLD, _C.RETRIEVE, _C.BLIND_TRANSFER, _C.CONSULT, _C.SEND_DIGITS, _C.PLAY, _C.COLLECT, _C.SURVEY, _C.TRANSFER}
    | {_C.RUN_FLOW},
    _S.HELD: _SERVING | {_C.HOLD, _C.RETRIEVE, _C.BLIND_TRANSFER, _C.CONSULT, _C.TRANSFER},
    _S.ASKING: _SERVING | {_C.CANCEL},
    _S.CONSULTING: _SERVING | {_C.COMPLETE, _C.CANCEL, _C.JOIN, _C.SEND_DIGITS},
    _S.CALLING: _SERVING | {_C.COMPLETE, _C.CANCEL, _C.HOLD, _C.RETRIEVE, _C.SEND_DIGITS},
    _S.CONSULTED: _ALWAYS,
    _S.IN_FLOW: _SERVING | {_C.RESUME},
    _S.CONFERENCE: _SERVING | {_C.HOLD, _C.RETRIEVE, _C.LEAVE, _C.DROP_PARTY, _C.SEND_DIGITS, _C.PLAY, _C.COLLECT},
    _S.JOINED: _ALWAYS | {_C.LEAVE},
    _S.ABSENT: frozenset(),
    _S.OVER: frozenset(),
}
"""Of a call with a customer."""

INTERNAL = frozenset({_C.HOLD, _C.RETRIEVE, _C.MUTE, _C.UNMUTE, _C.HANG_UP})
"""All that an internal call has of it: there is no customer to transfer, survey or supervise for (F056)."""

OF_SUPERVISORS = frozenset({_C.SUPERVISE, _C.END_SUPERVISION, _C.TEAR_DOWN, _C.TRANSFER})
"""In the table for their refusals; no agent is offered them."""


def possible(situation: Situation, *, internal: bool) -> frozenset[Control]:
    """The commands that are not refused now."""
    return POSSIBLE[situation] & INTERNAL if internal else POSSIBLE[situation]


def offered(situation: Situation, *, internal: bool, held: bool, muted: bool, recorded: bool, paused: bool) -> list[Control]:
    """What an agent is shown: what is possible and would change something, in the order of the list."""
    idle = {
        Control.HOLD if held else Control.RETRIEVE,
        Control.MUTE if muted else Control.UNMUTE,
        Control.PAUSE_RECORDING if paused or not recorded else Control.RESUME_RECORDING,
        Control.RESUME_RECORDING if not paused else Control.PAUSE_RECORDING,
    }
    shown = possible(situation, internal=internal) - idle - OF_SUPERVISORS
    return [control for control in Control if control in shown]
