"""The agent's state machine (F037-F045, docs/features.md appendix 1b) as one table.

A move is what can happen to an agent. One happening may be several moves in a row (the ring ends, and the state wished for
meanwhile applies): `walk` follows them, and one event tells of the whole way.

An answer is possible outside *ringing* too: it may stand in the log behind the expiry of a reservation whose offer had been
made after all. The phone is in talk then, so the agent is busy whatever was thought before.
"""

from collections.abc import Iterable
from enum import StrEnum

from callstream.contracts.states import AgentState
from callstream.kernel.table import TransitionTable

OFFLINE, IDLE, BUSY_SET, BREAK = AgentState.OFFLINE, AgentState.IDLE, AgentState.BUSY_SET, AgentState.BREAK
RINGING, BUSY, WRAP_UP = AgentState.RINGING, AgentState.BUSY, AgentState.WRAP_UP


class Move(StrEnum):
    """What can happen to an agent."""

    SIGN_IN = "sign in"
    SIGN_IN_NOT_READY = "sign in, default busy-set"
    GO_IDLE = "idle chosen"
    GO_BUSY_SET = "busy-set chosen"
    GO_BREAK = "break chosen"
    SIGN_OUT = "sign out"
    RESERVE = "reserved for an offer"
    SEIZE = "begins a call"
    ANSWER = "answered"
    OFFER_OVER = "offer over"
    MISS = "offer missed, break by policy"
    CALL_OVER = "call over"
    SET_FREE = "call over, nobody reached"


AT_CHOICE = (IDLE, BUSY_SET, BREAK)
"""States that an agent may choose, and stays in until something happens."""

IN_CALL = (RINGING, BUSY)
"""States in which a choice waits as the next state (F045)."""

CHOICE = {IDLE: Move.GO_IDLE, BUSY_SET: Move.GO_BUSY_SET, BREAK: Move.GO_BREAK, OFFLINE: Move.SIGN_OUT}
"""The move that leads to a state which somebody chose."""

TABLE: TransitionTable[AgentState, Move] = TransitionTable(
    "agent",
    OFFLINE,
    {
        (OFFLINE, Move.SIGN_IN): IDLE,
        (OFFLINE, Move.SIGN_IN_NOT_READY): BUSY_SET,
        (IDLE, Move.RESERVE): RINGING,
        (IDLE, Move.SEIZE): BUSY,
        (IDLE, Move.GO_BUSY_SET): BUSY_SET,
        (IDLE, Move.GO_BREAK): BREAK,
        (IDLE, Move.SIGN_OUT): OFFLINE,
        (IDLE, Move.ANSWER): BUSY,
        (BUSY_SET, Move.SEIZE): BUSY,
        (BUSY_SET, Move.GO_IDLE): IDLE,
        (BUSY_SET, Move.GO_BREAK): BREAK,
        (BUSY_SET, Move.SIGN_OUT): OFFLINE,
        (BUSY_SET, Move.ANSWER): BUSY,
        (BREAK, Move.SEIZE): BUSY,
        (BREAK, Move.GO_IDLE): IDLE,
        (BREAK, Move.GO_BUSY_SET): BUSY_SET,
        (BREAK, Move.GO_BREAK): BREAK,  # another reason: its time is counted apart (F040)
        (BREAK, Move.SIGN_OUT): OFFLINE,
        (BREAK, Move.ANSWER): BUSY,
        (RINGING, Move.ANSWER): BUSY,
        (RINGING, Move.OFFER_OVER): IDLE,
        (RINGING, Move.MISS): BREAK,
        (BUSY, Move.CALL_OVER): WRAP_UP,
        (BUSY, Move.SET_FREE): IDLE,
        (WRAP_UP, Move.GO_IDLE): IDLE,
        (WRAP_UP, Move.GO_BUSY_SET): BUSY_SET,
        (WRAP_UP, Move.GO_BREAK): BREAK,
        (WRAP_UP, Move.SIGN_OUT): OFFLINE,
    },
)


def walk(state: AgentState, moves: Iterable[Move]) -> AgentState:
    """The state that `moves` lead to, one after the other; raises IllegalTransition."""
    for move in moves:
        state = TABLE.next_state(state, move)
    return state
