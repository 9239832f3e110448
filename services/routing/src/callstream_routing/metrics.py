"""What routing counts."""

from prometheus_client import Histogram

estimate_error = Histogram(
    "callstream_routing_wait_estimate_error_seconds",
    "Distance between the wait estimated at queueing and the real one, of answered requests",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
)
