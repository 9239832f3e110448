"""Every metric of the gateway, with what it means. Labels are bounded: reasons and names from our own code, never ids."""

from prometheus_client import Counter, Gauge, Histogram

calls_ended = Counter("callstream_gateway_calls_ended_total", "Calls that are over.", ["reason", "party"])
calls_refused = Counter("callstream_gateway_calls_refused_total", "INVITEs refused before anything was held.", ["reason"])
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
