"""Every metric of the gateway, with what it means. Labels are bounded: reasons and names from our own code, never ids."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

calls_ended = Counter("callstream_gateway_calls_ended_total", "Calls that are over.", ["reason", "party"])
calls_refused = Counter("callstream_gateway_calls_refused_total", "INVITEs refused before anything was held.", ["reason"])
phone_calls = Counter(
    "callstream_gateway_phone_calls_total", "INVITEs of agents' phones, by the status that was decided; 200: served.", ["status"]
)
calls_active = Gauge("callstream_gateway_calls_active", "Calls from their INVITE to the end of their last leg.")
legs_active = Gauge("callstream_gateway_legs_active", "Legs that hold a media port or are getting one.")
offers = Counter("callstream_gateway_offers_total", "Offers to agents' phones, by how they ended.", ["outcome"])
registrations = Gauge("callstream_gateway_registrations", "Phones registered now.")
registers = Counter("callstream_gateway_registers_total", "REGISTER requests by their answer.", ["code"])
append_seconds = Histogram(
    "callstream_gateway_append_seconds",
    "From the moment an event happened until it, and what followed meanwhile, stood in the log.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0),
)
events_waiting = Gauge("callstream_gateway_events_waiting", "Events that the log has not taken yet.")
events_dropped = Counter("callstream_gateway_events_dropped_total", "Events given up, by why.", ["why"])
recordings = Counter("callstream_gateway_recordings_total", "Recordings finished.", ["outcome"])
media_failures = Counter("callstream_gateway_media_failures_total", "Media commands that failed.", ["command"])
media_refused = Counter(
    "callstream_gateway_media_packets_refused_total", "Packets that were not taken from a leg's port.", ["why"]
)
media_insecure = Counter(
    "callstream_gateway_media_insecure_total", "Browser legs without a handshake, or with a wrong certificate."
)


trunk_attempts = Counter(
    "callstream_gateway_trunk_attempts_total", "INVITEs to outside numbers, by what came of them at their trunk.", ["outcome"]
)
trunks = Gauge(
    "callstream_gateway_trunks", "Outgoing trunks, by what keeps calls from them; `usable` when nothing does.", ["state"]
)

dials = Counter("callstream_gateway_dials_total", "Outside numbers that agents wanted: `allowed`, or why not.", ["outcome"])
dials_forbidden = Counter("callstream_gateway_dials_forbidden_total", "What the toll-fraud guard stopped.", ["why"])


class SipCounters(Collector):
    """What the SIP stack counts (sip/counters.py lists the names), read when somebody asks: the stack knows no metrics."""

    def __init__(self) -> None:
        self.source: Callable[[], Mapping[str, int]] = dict
        """Set by the gateway that runs in this process."""

    def describe(self) -> Iterator[CounterMetricFamily]:
        """The family without its values, so that registering does not read them."""
        yield self._family()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The values of this moment."""
        family = self._family()
        for name, value in self.source().items():
            family.add_metric([name], value)
        yield family

    @staticmethod
    def _family() -> CounterMetricFamily:
        return CounterMetricFamily("callstream_gateway_sip", "What the SIP stack saw and did, by name.", labels=["what"])


uploads = Counter("callstream_gateway_recording_uploads_total", "Recordings on their way into the bucket.", ["outcome"])
sip = SipCounters()
REGISTRY.register(sip)
