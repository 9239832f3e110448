"""Transactions by table, under a clock that the tests turn: RFC 3261 17 and RFC 6026, second by second."""

from __future__ import annotations

from collections import defaultdict

import pytest

from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.message import Request, Response
from callstream_media_gateway.sip.timers import Timers
from callstream_media_gateway.sip.transaction_tables import MACHINES, TERMINATED, TIMERS
from callstream_media_gateway.sip.transactions import Transaction, Transactions, send_response

HEADERS = [("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("Call-ID", "x")]


class Bench:
    """One transaction layer without network. sent: (second, first word of the message); heard: what its user was told."""

    def __init__(self, transport: str = "udp") -> None:
        self.now = 0.0
        self.timers = Timers(lambda: self.now)
        self.sent: list[tuple[float, str]] = []
        self.heard: list[str] = []
        self.hop = Hop(transport, "10.0.0.1", 5060)
        self.layer = Transactions(self.timers, self.send, defaultdict(int), t1=0.5, t2=4.0, t4=5.0)
        self.layer.on_late_ack = lambda ack: self.heard.append("ACK")

    def send(self, data: bytes, hop: Hop, failed: object) -> None:
        words = data.decode().split()
        self.sent.append((round(self.now, 2), words[1] if words[0] == "SIP/2.0" else words[0]))

    def until(self, second: float) -> None:
        """Turn the clock; what falls due on the way happens at its own time."""
        while (due := self.timers.run_due()) is not None and due <= second:
            self.now = due
        self.now = second
        self.timers.run_due()

    def request(self, method: str) -> Transaction:
        request = Request(method, "sip:c@d", [*HEADERS, ("CSeq", f"1 {method}")])
        return self.layer.request(request, "z9hG4bK1", self.hop, self)

    def response(self, code: int, method: str) -> bool:
        headers = [*HEADERS[:2], ("To", "<sip:c@d>;tag=9"), HEADERS[3], ("CSeq", f"1 {method}")]
        return self.layer.on_response(Response(code, None, headers), "z9hG4bK1", method)

    def serve(self, method: str) -> Transaction:
        return self.layer.respond_to(("z9hG4bK1", "h", None, method), self.hop, self)

    def on_response(self, response: Response) -> None:
        self.heard.append(str(response.code))

    def on_timeout(self) -> None:
        self.heard.append("timeout")

    def on_error(self) -> None:
        self.heard.append("error")

    @property
    def times(self) -> list[float]:
        return [second for second, _ in self.sent]

    def is_empty(self) -> bool:
        return not self.layer.client and not self.layer.server and len(self.timers) == 0


def test_an_invite_on_udp_is_repeated_with_doubling_gaps_until_timer_b() -> None:
    bench = Bench()
    bench.request("INVITE")
    bench.until(31.9)
    assert bench.times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    bench.until(32.1)
    assert bench.heard == ["timeout"]
    assert bench.is_empty()


def test_another_request_on_udp_is_repeated_at_most_every_t2() -> None:
    bench = Bench()
    bench.request("BYE")
    bench.until(33)
    assert bench.times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == ["timeout"]
    assert bench.is_empty()


def test_after_a_provisional_response_only_t2_gaps_are_left() -> None:
    bench = Bench()
    bench.request("BYE")
    bench.until(0.2)
    bench.response(100, "BYE")
    bench.until(9)
    assert bench.times == [0, 0.5, 4.5, 8.5]
    bench.response(200, "BYE")
    bench.until(40)
    assert bench.times == [0, 0.5, 4.5, 8.5]
    assert bench.heard == ["100", "200"]
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_on_tcp_nothing_is_repeated(method: str) -> None:
    bench = Bench("tcp")
    bench.request(method)
    bench.until(33)
    assert bench.times == [0]
    assert bench.heard == ["timeout"]


def test_a_provisional_response_stops_repetition_and_timeout_of_an_invite() -> None:
    bench = Bench()
    bench.request("INVITE")
    bench.response(100, "INVITE")
    bench.until(300)
    assert bench.times == [0]
    assert bench.heard == ["100"]


def test_a_refusal_is_acknowledged_once_for_each_copy_and_told_once() -> None:
    bench = Bench()
    bench.request("INVITE")
    for _ in range(3):
        assert bench.response(486, "INVITE")
    assert [what for _, what in bench.sent] == ["INVITE", "ACK", "ACK", "ACK"]
    assert bench.heard == ["486"]
    bench.until(31.9)
    assert not bench.is_empty(), "timer D: copies are absorbed for 32 s"
    bench.until(32.1)
    assert bench.is_empty()
    assert not bench.response(486, "INVITE")


def test_every_2xx_of_the_accepted_state_is_told_and_none_is_acknowledged_here() -> None:
    bench = Bench()
    bench.request("INVITE")
    for _ in range(2):
        bench.response(200, "INVITE")
    bench.response(486, "INVITE")
    assert bench.heard == ["200", "200"]
    assert [what for _, what in bench.sent] == ["INVITE"]
    bench.until(32.1)
    assert bench.is_empty()


def test_a_network_error_is_told_and_ends_it() -> None:
    bench = Bench()
    bench.request("INVITE").network_failed()
    assert bench.heard == ["error"]
    assert bench.is_empty()


def test_a_refused_invite_is_refused_again_until_the_ack() -> None:
    bench = Bench()
    served = bench.serve("INVITE")
    send_response(served, 486, b"SIP/2.0 486 Busy")
    bench.until(12)
    assert bench.times == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    served.feed("ack")
    bench.until(16.9)
    assert len(bench.sent) == 6
    assert not bench.is_empty(), "timer I: more ACKs are absorbed for T4"
    bench.until(17.1)
    assert bench.is_empty()


def test_without_an_ack_a_refusal_is_forgotten_after_timer_h() -> None:
    bench = Bench()
    send_response(bench.serve("INVITE"), 486, b"SIP/2.0 486 Busy")
    bench.until(33)
    assert bench.is_empty()
    assert bench.heard == []


def test_an_accepted_invite_absorbs_copies_and_hands_on_acks_until_timer_l() -> None:
    bench = Bench()
    served = bench.serve("INVITE")
    send_response(served, 180, b"SIP/2.0 180 Ringing")
    served.feed("request")
    send_response(served, 200, b"SIP/2.0 200 OK")
    served.feed("request")
    send_response(served, 200, b"SIP/2.0 200 OK")
    served.feed("ack", Request("ACK", "sip:c@d", []))
    assert [what for _, what in bench.sent] == ["180", "180", "200", "200"]
    assert bench.heard == ["ACK"]
    assert not send_response(served, 486, b"SIP/2.0 486 Busy")
    bench.until(32.1)
    assert bench.is_empty()


@pytest.mark.parametrize(("transport", "lingers"), [("udp", 32.0), ("tcp", 0.0)])
def test_an_answered_request_repeats_its_answer_for_timer_j(transport: str, lingers: float) -> None:
    bench = Bench(transport)
    served = bench.serve("BYE")
    served.feed("request")
    assert bench.sent == []
    send_response(served, 200, b"SIP/2.0 200 OK")
    served.feed("request")
    assert [what for _, what in bench.sent] == ["200", "200"]
    bench.until(lingers - 0.1 if lingers else 0.0)
    assert bench.is_empty() is not bool(lingers)
    bench.until(lingers + 3.3)  # ends are looked for together, a tenth of the time late at most
    assert bench.is_empty()


@pytest.mark.parametrize(("name", "table"), MACHINES.items())
def test_every_state_can_be_reached_and_left_and_every_timer_started_is_waited_for(name: str, table: object) -> None:
    moves = MACHINES[name]
    reached = {move.state for move in moves.values()} | {"start"}
    assert {state for state, _ in moves} == reached - {TERMINATED}
    started = {action[6:] for move in moves.values() for action in move.actions if action.startswith("start ")}
    awaited = {event[6:] for _, event in moves if event.startswith("timer ")}
    assert started == awaited
    assert started <= set(TIMERS)


def test_an_event_that_a_state_does_not_know_changes_nothing() -> None:
    bench = Bench()
    transaction = bench.request("BYE")
    for event in ("ack", "timer A", "request", "nonsense"):
        assert not transaction.feed(event)
    assert transaction.state == "trying"


def test_stopping_the_layer_leaves_no_timers() -> None:
    bench = Bench()
    bench.request("INVITE")
    send_response(bench.serve("BYE"), 200, b"SIP/2.0 200 OK")
    bench.layer.clear()
    bench.timers.clear()
    bench.until(100)
    assert bench.is_empty()
    assert bench.heard == []
