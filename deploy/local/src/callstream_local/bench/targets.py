"""What each figure should be, and how it is written in the table. A missed target is told, and fails nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table. `field`: of a figure that has several, the one that the target is about."""

    key: str
    what: str
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    field: str = ""
    others: str = ""
    """What comparable systems need for the same (docs/benchmarks.md tells where and how)."""

    def value(self, report: Mapping[str, Any]) -> float | None:
        """The figure, or None when it has not been measured."""
        found = report.get(self.key)
        if self.field:
            found = found.get(self.field) if isinstance(found, dict) else None
        return float(found) if isinstance(found, int | float) else None

    @property
    def target(self) -> str:
        """As text; empty when there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""

    def is_met(self, value: float) -> bool | None:
        """None when there is no target."""
        if self.at_most is not None:
            return value <= self.at_most
        return value >= self.at_least if self.at_least is not None else None


ROWS = (
    Row("sip_parse_per_s", "SIP: an INVITE with SDP read", "/s"),
    Row("sip_parse_small_per_s", "SIP: a small response read", "/s"),
    Row("gateway_cpu_ms_per_call", "CPU a call, gateway's signalling", "ms", at_most=2),
    Row("system_cpu_ms_per_call", "CPU a call, whole system, writes synced", "ms", at_most=15, others="7.7, 15-20"),
    Row("system_cpu_ms_per_call_fast", "CPU a call, whole system, writes not synced", "ms"),
    Row("load_whole_ms", "a whole call of that load, 0.1 s of talk, p50", "ms", field="p50"),
    Row("load_whole_ms", "a whole call of that load, 0.1 s of talk, p99", "ms", field="p99"),
    Row("calls_per_s_clean", "clean call rate", "/s", at_least=60, others="180, 120"),
    Row("saturated_calls_per_s", "100 agents, 150 callers, 1 s talk", "/s", at_least=90, others="59.7, 82"),
    Row("free_to_offer_ms", "agent free → offer in the log, p50", "ms", field="p50", at_most=5),
    Row("free_to_offer_ms", "agent free → offer in the log, p99", "ms", field="p99", at_most=25),
    Row("free_to_invite_ms", "agent free → INVITE at the phone, p50", "ms", field="p50", others="519, 143"),
    Row("free_to_invite_ms", "agent free → INVITE at the phone, p99", "ms", field="p99", at_most=50, others="847, 211"),
    Row("media_calls_per_core", "two-leg G.711 calls a core", "", at_least=500, others="485, 345"),
    Row("media_recorded_calls_per_core", "the same, recorded", "", at_least=400, others="177, 230"),
    Row("browser_legs_per_core", "browser legs (DTLS-SRTP) a core", "", at_least=300),
    Row("tick_ms_500", "mixing tick of 500 calls, p50", "ms", field="p50"),
    Row("tick_ms_500", "mixing tick of 500 calls, p99", "ms", field="p99", at_most=10),
    Row("recording_ready_s", "call of 10 min → its recording plays", "s", at_most=5),
    Row("wss_registrations_per_s", "registrations over new WSS connections", "/s", at_least=300),
    Row("wss_gateway_cpu_ms_per_registration", "CPU of one of these, gateway", "ms"),
    Row("rss_kb_per_call", "memory of a call in talk, gateway and media worker", "kB", at_most=150),
    Row("rss_growth_kb_per_1000_calls", "what 1,000 calls leave behind there, of 20,000", "kB"),
    Row("append_ratio", "append rate / bare client's", "", at_least=0.7),
    Row("append_stall_ms", "longest append while a follower starts, 300,000 events", "ms"),
    Row("projection_events_per_s", "events into PostgreSQL", "/s"),
    Row("decision_us", "routing decision, p50", "µs", field="p50"),
    Row("decision_us", "routing decision, p99", "µs", field="p99"),
    Row("decision_us_large", "the same, 5,000 agents, 10,000 waiting, p50", "µs", field="p50"),
    Row("decision_us_large", "the same, 5,000 agents, 10,000 waiting, p99", "µs", field="p99", at_most=50),
    Row("simulated_calls_per_s", "calls of the what-if lab", "/s", at_least=1667),
    Row("start_s", "start with a new data folder", "s", at_most=10, others="0.6, 2.4-3.0"),
    Row("start_again_s", "start once more", "s"),
    Row("takeover_s", "kill -9 of routing or agent-state → next offer, longest", "s", at_most=2),
    Row("restart_s", "restart with 5,000 agents, 10,000 waiting", "s", at_most=3),
    Row("idle_cpu_pct", "idle, 100 agents: CPU of one core", "%", at_most=3),
    Row("rss_mb", "idle, 100 agents: memory", "MB", at_most=900, others="104, 37"),
)
