"""The life of a call in three tables: offered to us, offered by us, and answered (the dialog). Pure.

`(state, event) -> Move(next state, actions)`, as in transaction_tables.py. An event that a state does not list changes
nothing: that is how late, doubled and crossing messages end. Actions are methods of the class that runs the table.
"""

from __future__ import annotations

from .transaction_tables import Move, Table

OVER = "over"

INCOMING: Table = {
    ("offered", "provisional"): Move("offered", ("send provisional",)),
    ("offered", "answer"): Move("answered", ("send answer",)),
    ("offered", "reject"): Move("rejected", ("send rejection",)),
    ("offered", "cancel"): Move("cancelled", ("send 487", "tell cancel")),
    ("offered", "bye"): Move("cancelled", ("send 487", "tell cancel")),
    ("offered", "no prack"): Move("cancelled", ("send 504", "tell cancel")),
    ("offered", "network failed"): Move("cancelled", ("tell cancel",)),
}
"""IncomingCall. A CANCEL that arrives after "answered" or "rejected" changes nothing (RFC 3261 9.2). A BYE in the early
dialog counts as a CANCEL (15.1.2). "no prack": a reliable provisional response was repeated in vain (RFC 3262 3)."""

OUTGOING: Table = {
    ("calling", "provisional"): Move("ringing", ("tell ringing",)),
    ("calling", "answer"): Move("answered", ("confirm",)),
    ("calling", "challenge"): Move("calling", ("try again",)),
    ("calling", "too brief"): Move("calling", ("try longer",)),
    ("calling", "redirect"): Move("calling", ("try elsewhere",)),
    ("calling", "failure"): Move("failed", ("tell failed",)),
    ("calling", "cancel"): Move("giving up", ()),
    ("ringing", "provisional"): Move("ringing", ("tell ringing",)),
    ("ringing", "answer"): Move("answered", ("confirm",)),
    ("ringing", "challenge"): Move("calling", ("try again",)),
    ("ringing", "too brief"): Move("calling", ("try longer",)),
    ("ringing", "redirect"): Move("calling", ("try elsewhere",)),
    ("ringing", "failure"): Move("failed", ("tell failed",)),
    ("ringing", "cancel"): Move("cancelling", ("send cancel",)),
    ("giving up", "provisional"): Move("cancelling", ("send cancel",)),
    ("giving up", "answer"): Move("failed", ("hang up", "tell cancelled")),
    ("giving up", "challenge"): Move("failed", ("tell cancelled",)),
    ("giving up", "too brief"): Move("failed", ("tell cancelled",)),
    ("giving up", "redirect"): Move("failed", ("tell cancelled",)),
    ("giving up", "failure"): Move("failed", ("tell cancelled",)),
    ("cancelling", "answer"): Move("failed", ("hang up", "tell cancelled")),
    ("cancelling", "challenge"): Move("failed", ("tell cancelled",)),
    ("cancelling", "too brief"): Move("failed", ("tell cancelled",)),
    ("cancelling", "redirect"): Move("failed", ("tell cancelled",)),
    ("cancelling", "failure"): Move("failed", ("tell cancelled",)),
    ("cancelling", "cancel unanswered"): Move("failed", ("abandon", "tell cancelled")),
    ("answered", "answer"): Move("answered", ("hang up",)),
    ("failed", "answer"): Move("failed", ("hang up",)),
}
"""OutgoingCall. "giving up": the owner cancelled before a provisional response, so no CANCEL may be sent yet (9.1).
"answer" is a 2xx with a To-tag not seen before: the second of a forked call is hung up. A 2xx that repeats itself is
acknowledged again before this table is asked."""

DIALOG: Table = {
    ("early", "answered"): Move("unacknowledged", ()),
    ("early", "confirmed"): Move("confirmed", ()),
    ("early", "hang up"): Move(OVER, ("let go",)),
    ("early", "bye"): Move(OVER, ("tell ending",)),
    ("unacknowledged", "ack"): Move("confirmed", ("tell ack",)),
    ("unacknowledged", "hang up"): Move("hanging up", ()),
    ("unacknowledged", "bye"): Move(OVER, ("tell ending",)),
    ("unacknowledged", "no ack"): Move(OVER, ("send bye", "tell ending")),
    ("hanging up", "ack"): Move(OVER, ("send bye", "let go")),
    ("hanging up", "no ack"): Move(OVER, ("send bye", "let go")),
    ("hanging up", "bye"): Move(OVER, ("let go",)),
    ("confirmed", "ack"): Move("confirmed", ("tell ack",)),
    ("confirmed", "hang up"): Move(OVER, ("send bye", "let go")),
    ("confirmed", "bye"): Move(OVER, ("tell ending",)),
    ("confirmed", "no ack"): Move(OVER, ("send bye", "tell ending")),
    ("confirmed", "unusable"): Move(OVER, ("send bye", "tell ending")),
    ("confirmed", "unknown to peer"): Move(OVER, ("tell ending",)),
    ("unacknowledged", "unusable"): Move(OVER, ("send bye", "tell ending")),
}
"""Dialog. "early": made by a provisional response, "answered" by us or "confirmed" by the peer's 2xx; hanging up is the
business of its INVITE then. "unacknowledged": our 200 was sent, its ACK has not come; a hang-up waits for it, or for the
64*T1 after which it will not come (RFC 3261 15). "unusable": an ACK without the answer that was due, a session timer that
ran out, a peer that does not answer a request. "let go": the owner has hung up and hears nothing more. "unknown to peer":
a 481."""

REFERRAL: Table = {
    ("asked", "accept"): Move("active", ("notify",)),
    ("asked", "accept quietly"): Move(OVER, ()),
    ("active", "progress"): Move("active", ("notify",)),
    ("active", "final"): Move(OVER, ("notify last",)),
    ("active", "expired"): Move(OVER, ("notify timeout",)),
    ("active", "unwanted"): Move(OVER, ("stop",)),
}
"""Referral. "accept" sends the first NOTIFY at once (RFC 3515 2.4.4), "accept quietly" none (RFC 4488). "unwanted": the peer
refused a NOTIFY, or is gone."""

TABLES: dict[str, Table] = {"incoming call": INCOMING, "outgoing call": OUTGOING, "dialog": DIALOG, "referral": REFERRAL}
