"""Running the tables of transaction_tables.py: keys, timers, sending. What a transaction means is its user's business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from .handler import WEB, Hop
from .message import Header, Request, Response, without
from .reach import default_port
from .timers import Entry, Lingering, Timers
from .transaction_tables import MACHINES, TERMINATED, TIMERS, Table

ServerKey = tuple[str, str, int | None, str]
"""branch, sent-by host and port, method (INVITE for its ACK too): RFC 3261 17.2.3."""
ClientKey = tuple[str, str]
"""branch, CSeq method: RFC 3261 17.1.3."""
Send = Callable[[bytes, Hop, Callable[[], None] | None], None]


class ClientUser(Protocol):
    """Who started a request."""

    def on_response(self, response: Response) -> None: ...
    def on_timeout(self) -> None: ...
    def on_error(self) -> None: ...


class ServerUser(Protocol):
    """Who answers an INVITE. Requests of other methods have no user: their answer is all there is to it."""

    def on_error(self) -> None: ...


class Transaction:
    """One row of state.

    last: the message to send again. request: kept by client INVITEs for ACK and CANCEL. tag: our To-tag in a server
    INVITE, for the answer to a late CANCEL. A transaction lingers for up to 64*T1 after its end, so it lets go of its
    user and its request as soon as the tables need them no more.
    """

    __slots__ = ("_delay", "_timers", "hop", "key", "last", "layer", "moves", "request", "state", "tag", "user")

    def __init__(self, layer: Transactions, moves: Compiled, key: Any, hop: Hop, user: Any) -> None:
        self.layer = layer
        self.moves = moves
        self.key = key
        self.hop = hop
        self.user = user
        self.state = "start"
        self.last: bytes | None = None
        self.request: Request | None = None
        self.tag: str | None = None
        self._timers: dict[str, Entry] | None = None
        self._delay = 0.0

    def feed(self, event: str, message: Any = None) -> bool:
        """Take one event. False when this state has no move for it: nothing has changed then."""
        move = self.moves.get((self.state, event))
        if move is None:
            return False
        self.state = move[0]
        over = move[0] == TERMINATED
        if over:
            self.layer.forget(self)
        for action, argument in move[1]:
            action(self, argument, message)
        if over:
            self.user = self.request = None
        return True

    def network_failed(self) -> None:
        """The transport could not send for us."""
        self.feed("transport error")

    @property
    def is_over(self) -> bool:
        return self.state == TERMINATED

    def stop(self) -> None:
        """End without a word: no timer fires, nothing is delivered any more."""
        self.state = TERMINATED
        self.layer.forget(self)
        self.user = self.request = None

    # Actions of the tables. Each takes the argument written behind its name and the message of the event.

    def _send(self, _argument: str, message: bytes) -> None:
        self.last = message
        self.layer.send(message, self.hop, self.network_failed)

    def _resend(self, _argument: str, _message: Any) -> None:
        if self.last is not None:
            self.layer.counters["retransmissions_out"] += 1
            self.layer.send(self.last, self.hop, self.network_failed)

    def _ack(self, _argument: str, response: Response) -> None:
        if self.request is not None:
            self._send("", ack_for(self.request, response).to_bytes())
            self.request = None

    def _deliver(self, _argument: str, message: Request | Response) -> None:
        if isinstance(message, Request):
            self.layer.on_late_ack(message)
            return
        user = self.user
        if message.code >= 300 or (message.code >= 200 and self.key[1] != "INVITE"):
            self.user = None
        elif message.code >= 200:
            self.request = self.last = None
        user.on_response(message)

    def _tell(self, what: str, _message: Any) -> None:
        if what == "timeout":
            self.layer.counters["timeouts"] += 1
            self.user.on_timeout()
        else:
            self.user.on_error()

    def _start(self, name: str, _message: Any) -> None:
        rule = self.layer.rules[self.hop.transport == "udp"][name]
        if rule is None:
            return
        if rule.lingering is not None:
            rule.lingering.add(Transaction.feed, self, rule.event)
            return
        delay = rule.delay
        if rule.grows:
            self._delay = delay = min(self._delay * 2, rule.cap) if self._delay else delay
        if self._timers is None:
            self._timers = {}
        self._timers[name] = self.layer.timers.after(delay, self.feed, rule.event)

    def _stop(self, name: str, _message: Any) -> None:
        if self._timers is not None:
            self.layer.timers.cancel(self._timers.pop(name, None))
            if not self._timers:
                self._timers = None

    def stop_timers(self) -> None:
        if self._timers is not None:
            for entry in self._timers.values():
                self.layer.timers.cancel(entry)
            self._timers = None


Action = Callable[[Transaction, str, Any], None]
Compiled = dict[tuple[str, str], tuple[str, tuple[tuple[Action, str], ...]]]

_ACTIONS: dict[str, Action] = {
    "send": Transaction._send,
    "resend": Transaction._resend,
    "ack": Transaction._ack,
    "deliver": Transaction._deliver,
    "tell": Transaction._tell,
    "start": Transaction._start,
    "stop": Transaction._stop,
}


def _compile(table: Table) -> Compiled:
    compiled: Compiled = {}
    for event, move in table.items():
        actions = [text.partition(" ") for text in move.actions]
        compiled[event] = (move.state, tuple((_ACTIONS[verb], argument) for verb, _, argument in actions))
    return compiled


_COMPILED = {name: _compile(table) for name, table in MACHINES.items()}
_CLASS = {1: "1xx", 2: "2xx"}


class Transactions:
    """All transactions of one user agent.

    on_late_ack(ack): an ACK to a 2xx that wrongly uses the INVITE's own branch.
    """

    on_late_ack: Callable[[Request], None]

    def __init__(self, timers: Timers, send: Send, counters: dict[str, int], *, t1: float, t2: float, t4: float) -> None:
        self.timers = timers
        self.send = send
        self.counters = counters
        self.client: dict[ClientKey, Transaction] = {}
        self.server: dict[ServerKey, Transaction] = {}
        self.rules = {udp: timer_rules(timers, t1, t2, t4, udp=udp) for udp in (True, False)}

    def request(self, request: Request, branch: str, hop: Hop, user: ClientUser) -> Transaction:
        """Send a request of ours. `branch` is the one in its top Via."""
        invite = request.method == "INVITE"
        key = (branch, request.method)
        moves = _COMPILED["client INVITE" if invite else "client non-INVITE"]
        transaction = self.client[key] = Transaction(self, moves, key, hop, user)
        if invite:
            transaction.request = request
        transaction.feed("request", request.to_bytes())
        return transaction

    def resume(self, request: Request, branch: str, hop: Hop, user: ClientUser) -> Transaction:
        """An INVITE that a former process sent, and that waits for its final answer; it is not sent again."""
        key = (branch, "INVITE")
        transaction = self.client[key] = Transaction(self, _COMPILED["client INVITE"], key, hop, user)
        transaction.request, transaction.last, transaction.state = request, request.to_bytes(), "proceeding"
        return transaction

    def respond_to(self, key: ServerKey, hop: Hop, user: ServerUser | None) -> Transaction:
        """Open a server transaction for a request that has just arrived; `hop` is the way back (via.way_back)."""
        moves = _COMPILED["server INVITE" if key[3] == "INVITE" else "server non-INVITE"]
        transaction = self.server[key] = Transaction(self, moves, key, hop, user)
        transaction.feed("request")
        return transaction

    def on_response(self, response: Response, branch: str, method: str) -> bool:
        """Give a response to its transaction. False when there is none, or it wants no more."""
        transaction = self.client.get((branch, method))
        return transaction is not None and transaction.feed(_CLASS.get(response.code // 100, "3xx-6xx"), response)

    def connection_lost(self, hop: Hop) -> None:
        """What was under way on a connection that is gone.

        Requests of ours that nobody has answered have failed; what was answered provisionally may still be answered by a new
        connection. Our own answers go to where the request's Via says that its sender listens (RFC 3261 18.2.2). Not with
        browsers: nobody can call them back, and they forget their calls with their page.
        """
        for transaction in [t for t in self.client.values() if t.hop == hop]:
            if hop.transport in WEB or transaction.state in ("calling", "trying"):
                transaction.network_failed()
        for transaction in [t for t in self.server.values() if t.hop == hop]:
            if hop.transport in WEB:
                transaction.network_failed()
            else:
                transaction.hop = hop._replace(port=transaction.key[2] or default_port(hop.transport))

    def forget(self, transaction: Transaction) -> None:
        transaction.stop_timers()
        table: dict[Any, Transaction] = self.client if len(transaction.key) == 2 else self.server
        if table.get(transaction.key) is transaction:
            del table[transaction.key]

    def clear(self) -> None:
        for transaction in [*self.client.values(), *self.server.values()]:
            transaction.stop()
        for rules in self.rules.values():
            for rule in rules.values():
                if rule is not None and rule.lingering is not None:
                    rule.lingering.clear()


def send_response(transaction: Transaction, code: int, data: bytes) -> bool:
    """Send a response by its server transaction. False when the transaction is past it."""
    return transaction.feed(_CLASS.get(code // 100, "3xx-6xx"), data)


class Rule(NamedTuple):
    """A timer with its times worked out, in seconds. lingering: the queue of a timer that is never stopped."""

    event: str
    delay: float
    grows: bool
    cap: float
    lingering: Lingering | None


def timer_rules(timers: Timers, t1: float, t2: float, t4: float, *, udp: bool) -> dict[str, Rule | None]:
    """What starting each timer of the tables means on this kind of transport; None: it is never started there."""
    base = {"t1": t1, "t2": t2, "t4": t4}
    stopped = {
        action[5:] for table in MACHINES.values() for move in table.values() for action in move.actions if action[:5] == "stop "
    }
    queues: dict[float, Lingering] = {}
    rules: dict[str, Rule | None] = {}
    for name, timer in TIMERS.items():
        delay = base[timer.base] * timer.factor
        if not udp and timer.on_stream == "never":
            rules[name] = None
            continue
        if not udp and timer.on_stream == "at once":
            delay = 0.0
        lingers = name not in stopped and not timer.again
        queue = queues.setdefault(delay, Lingering(timers, delay)) if lingers else None
        rules[name] = Rule(f"timer {name}", delay, bool(timer.again), t2 if timer.again.endswith("t2") else float("inf"), queue)
    return rules


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK to a final response that is no 2xx: it belongs to the INVITE's transaction (RFC 3261 17.1.1.3)."""
    headers: list[Header] = [invite.headers[0]]  # the top Via, which every request of ours has first
    for name, value in without(invite.headers[1:], "To", "CSeq"):
        if name in ("From", "Call-ID", "Max-Forwards", "Route"):
            headers.append((name, value))
    headers.append(("To", response.need("To")))
    headers.append(("CSeq", f"{invite.cseq[0]} ACK"))
    return Request("ACK", invite.uri, headers)
