"""The stages of a callback, as a table. A callback is a request whose caller has hung up and is called when it is their turn."""

from enum import StrEnum

from callstream.kernel.table import TransitionTable


class Stage(StrEnum):
    """Where a callback stands."""

    WAITING = "waiting"
    """In line."""
    OFFERED = "offered"
    """An agent is rung for it; nobody else is."""
    CALLING = "calling"
    """The agent has answered, and the customer is being called."""
    RESTING = "resting"
    """Nobody was reached. It stands in no line until the next attempt is due."""
    SERVED = "served"
    """The two are in talk."""


class Move(StrEnum):
    """What can happen to it. That it ends is the matter of `queue.left`, as of every request."""

    OFFER = "offered to an agent"
    WITHDRAW = "offer withdrawn"
    TAKE = "agent answered"
    REACH = "customer answered"
    TRIED = "nobody reached"
    RESUME = "rested"


_S = Stage

CALLBACK = TransitionTable(
    "callback",
    _S.WAITING,
    {
        (_S.WAITING, Move.OFFER): _S.OFFERED,
        (_S.WAITING, Move.TRIED): _S.RESTING,  # no gateway could begin the call
        (_S.OFFERED, Move.WITHDRAW): _S.WAITING,
        (_S.OFFERED, Move.TAKE): _S.CALLING,
        (_S.CALLING, Move.REACH): _S.SERVED,
        (_S.CALLING, Move.TRIED): _S.RESTING,
        (_S.RESTING, Move.RESUME): _S.WAITING,
    },
)
