"""What reporting counts."""

from prometheus_client import Counter, Gauge

pushes = Counter(
    "callstream_reporting_recording_pushes_total",
    "Tries to push a recording to a tenant's address; given-up: the last of a day's tries.",
    ["outcome"],
)
pushes_open = Gauge("callstream_reporting_recording_pushes_open", "Recordings that were not taken yet, or given up.", ["state"])
