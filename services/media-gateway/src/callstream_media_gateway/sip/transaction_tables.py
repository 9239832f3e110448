"""The four transaction machines of RFC 3261 17, with the accepted states of RFC 6026, as tables. Pure.

A machine is `(state, event) -> Move(next state, actions)`. An event that a state does not list changes nothing.
Events: what arrives or is sent ("1xx", "2xx", "3xx-6xx", "ack", the request again), "timer x", "transport error".
Actions, done in order by transactions.py:
  send / resend     send the message just given / the last one again
  ack               acknowledge a final non-2xx response (17.1.1.3)
  deliver           hand the message to the transaction's user
  tell timeout / tell error   the user hears that nobody answered / that the network refused
  start X / stop X  timers, whose lengths are data: TIMERS
A transaction that reaches TERMINATED is forgotten.
"""

from __future__ import annotations

from typing import NamedTuple

TERMINATED = "terminated"


class Move(NamedTuple):
    state: str
    actions: tuple[str, ...] = ()


Table = dict[tuple[str, str], Move]


class Timer(NamedTuple):
    """factor times one of the three base times ("t1", "t2", "t4").

    on_stream: what a reliable transport does: "same", "never" (retransmission is TCP's work) or "at once" (no need to
    absorb retransmissions). again: how the delay grows when the timer is started again by its own firing: not at all,
    "double", or "double up to t2".
    """

    base: str
    factor: float
    on_stream: str = "same"
    again: str = ""


TIMERS: dict[str, Timer] = {
    "A": Timer("t1", 1, "never", "double"),
    "B": Timer("t1", 64),
    "D": Timer("t1", 64, "at once"),
    "E": Timer("t1", 1, "never", "double up to t2"),
    "E2": Timer("t2", 1, "never"),
    "F": Timer("t1", 64),
    "G": Timer("t1", 1, "never", "double up to t2"),
    "H": Timer("t1", 64),
    "I": Timer("t4", 1, "at once"),
    "J": Timer("t1", 64, "at once"),
    "K": Timer("t4", 1, "at once"),
    "L": Timer("t1", 64),
    "M": Timer("t1", 64),
}

CLIENT_INVITE: Table = {
    ("start", "request"): Move("calling", ("send", "start A", "start B")),
    ("calling", "timer A"): Move("calling", ("resend", "start A")),
    ("calling", "timer B"): Move(TERMINATED, ("tell timeout",)),
    ("calling", "1xx"): Move("proceeding", ("stop A", "stop B", "deliver")),
    ("calling", "2xx"): Move("accepted", ("stop A", "stop B", "start M", "deliver")),
    ("calling", "3xx-6xx"): Move("completed", ("stop A", "stop B", "ack", "start D", "deliver")),
    ("calling", "transport error"): Move(TERMINATED, ("tell error",)),
    ("proceeding", "1xx"): Move("proceeding", ("deliver",)),
    ("proceeding", "2xx"): Move("accepted", ("start M", "deliver")),
    ("proceeding", "3xx-6xx"): Move("completed", ("ack", "start D", "deliver")),
    ("proceeding", "transport error"): Move(TERMINATED, ("tell error",)),
    ("accepted", "2xx"): Move("accepted", ("deliver",)),
    ("accepted", "timer M"): Move(TERMINATED),
    ("completed", "3xx-6xx"): Move("completed", ("resend",)),
    ("completed", "timer D"): Move(TERMINATED),
    ("completed", "transport error"): Move(TERMINATED),
}
"""RFC 3261 figure 5 with RFC 6026 7.2. In "completed" the last message sent is the ACK, so "resend" repeats it."""

CLIENT_OTHER: Table = {
    ("start", "request"): Move("trying", ("send", "start E", "start F")),
    ("trying", "timer E"): Move("trying", ("resend", "start E")),
    ("trying", "timer F"): Move(TERMINATED, ("tell timeout",)),
    ("trying", "1xx"): Move("proceeding", ("deliver",)),
    ("trying", "2xx"): Move("completed", ("stop E", "stop F", "start K", "deliver")),
    ("trying", "3xx-6xx"): Move("completed", ("stop E", "stop F", "start K", "deliver")),
    ("trying", "transport error"): Move(TERMINATED, ("tell error",)),
    ("proceeding", "timer E"): Move("proceeding", ("resend", "start E2")),
    ("proceeding", "timer E2"): Move("proceeding", ("resend", "start E2")),
    ("proceeding", "timer F"): Move(TERMINATED, ("tell timeout",)),
    ("proceeding", "1xx"): Move("proceeding", ("deliver",)),
    ("proceeding", "2xx"): Move("completed", ("stop E", "stop E2", "stop F", "start K", "deliver")),
    ("proceeding", "3xx-6xx"): Move("completed", ("stop E", "stop E2", "stop F", "start K", "deliver")),
    ("proceeding", "transport error"): Move(TERMINATED, ("tell error",)),
    ("completed", "timer K"): Move(TERMINATED),
}
"""RFC 3261 figure 6. E2 is timer E once a provisional response has come: it stays at T2 (17.1.2.2)."""

SERVER_INVITE: Table = {
    ("start", "request"): Move("proceeding"),
    ("proceeding", "request"): Move("proceeding", ("resend",)),
    ("proceeding", "1xx"): Move("proceeding", ("send",)),
    ("proceeding", "2xx"): Move("accepted", ("send", "start L")),
    ("proceeding", "3xx-6xx"): Move("completed", ("send", "start G", "start H")),
    ("proceeding", "transport error"): Move(TERMINATED, ("tell error",)),
    ("accepted", "request"): Move("accepted"),
    ("accepted", "2xx"): Move("accepted", ("send",)),
    ("accepted", "ack"): Move("accepted", ("deliver",)),
    ("accepted", "timer L"): Move(TERMINATED),
    ("completed", "request"): Move("completed", ("resend",)),
    ("completed", "timer G"): Move("completed", ("resend", "start G")),
    ("completed", "timer H"): Move(TERMINATED),
    ("completed", "ack"): Move("confirmed", ("stop G", "stop H", "start I")),
    ("completed", "transport error"): Move(TERMINATED),
    ("confirmed", "timer I"): Move(TERMINATED),
}
"""RFC 3261 figure 7 with RFC 6026 7.1. The user repeats the 2xx; a late timer H is a caller that went away: no news."""

SERVER_OTHER: Table = {
    ("start", "request"): Move("trying"),
    ("trying", "1xx"): Move("proceeding", ("send",)),
    ("trying", "2xx"): Move("completed", ("send", "start J")),
    ("trying", "3xx-6xx"): Move("completed", ("send", "start J")),
    ("proceeding", "request"): Move("proceeding", ("resend",)),
    ("proceeding", "1xx"): Move("proceeding", ("send",)),
    ("proceeding", "2xx"): Move("completed", ("send", "start J")),
    ("proceeding", "3xx-6xx"): Move("completed", ("send", "start J")),
    ("proceeding", "transport error"): Move(TERMINATED),
    ("completed", "request"): Move("completed", ("resend",)),
    ("completed", "timer J"): Move(TERMINATED),
    ("completed", "transport error"): Move(TERMINATED),
}
"""RFC 3261 figure 8."""

MACHINES: dict[str, Table] = {
    "client INVITE": CLIENT_INVITE,
    "client non-INVITE": CLIENT_OTHER,
    "server INVITE": SERVER_INVITE,
    "server non-INVITE": SERVER_OTHER,
}
