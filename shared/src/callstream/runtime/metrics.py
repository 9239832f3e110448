"""Every metric of the runtime, with what it means. Labels are bounded: names from our own code, never ids or subjects."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

append_conflicts = Counter("callstream_append_conflicts_total", "Appends refused because the aggregate had moved on.")
append_retries = Counter("callstream_append_retries_total", "Tries of an append or read that the log did not answer.")
dead_letters = Counter("callstream_dead_letters_total", "Events this service could not read or fold.", ["error"])
batches_refused = Counter("callstream_batches_refused_total", "Batches whose handler raised; each is handed over again.")
events_folded = Counter("callstream_events_folded_total", "Events folded into a state.", ["follower"])
reactions = Counter("callstream_reactions_total", "Reactions run.", ["follower"])
reactions_failed = Counter("callstream_reactions_failed_total", "Reactions that raised.", ["follower"])
follower_pending = Gauge("callstream_follower_pending", "Events known to wait behind a follower's position.", ["follower"])
follower_position = Gauge("callstream_follower_position", "Stream sequence a follower has folded.", ["follower"])
in_flight = Gauge("callstream_in_flight", "Aggregates whose append has not come back yet.")
lease_held = Gauge("callstream_lease_held", "1 while this instance is the active one.", ["lease"])
config_invalid = Counter("callstream_config_invalid_total", "Configuration documents that were refused; the previous one stays.")
commands_handled = Counter("callstream_commands_total", "Commands answered.", ["command", "answer"])
commands_repeated = Counter("callstream_commands_repeated_total", "Commands answered from memory, by their id.", ["command"])
command_seconds = Histogram(
    "callstream_command_seconds",
    "From a command's arrival to its answer.",
    ["command"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
