"""Every metric of the runtime, with what it means. Labels are bounded: names from our own code, never ids or subjects."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sized
from itertools import accumulate
from typing import Protocol
from weakref import WeakSet

from prometheus_client import REGISTRY, Counter, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]

append_conflicts = Counter("callstream_append_conflicts_total", "Appends refused because the aggregate had moved on.")
append_retries = Counter("callstream_append_retries_total", "Tries of an append or read that the log did not answer.")
dead_letters = Counter("callstream_dead_letters_total", "Events this service could not read or fold.", ["error"])
batches_refused = Counter("callstream_batches_refused_total", "Batches whose handler raised; each is handed over again.")
reactions_failed = Counter("callstream_reactions_failed_total", "Reactions that raised.", ["follower"])
lease_held = Gauge("callstream_lease_held", "1 while this instance is the active one.", ["lease"])
config_invalid = Counter("callstream_config_invalid_total", "Configuration documents that were refused; the previous one stays.")
commands_repeated = Counter("callstream_commands_repeated_total", "Commands answered from memory, by their id.", ["command"])


class CommandFigures:
    """Commands answered, and from their arrival to their answer: plain numbers, read when somebody asks, because the path of
    every command is no place for locks.
    """

    BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

    def __init__(self) -> None:
        self.answers: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By command and answer."""
        self.within: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By command and bucket."""
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def add(self, command: str, answer: str, seconds: float) -> None:
        """One command was answered."""
        self.answers[command, answer] += 1
        self.within[command, bisect_left(self.BUCKETS_S, seconds)] += 1
        self.seconds[command] += seconds


commands = CommandFigures()


class _Commands(Collector):
    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        handled = CounterMetricFamily("callstream_commands", "Commands answered.", labels=["command", "answer"])
        took = HistogramMetricFamily("callstream_command_seconds", "From a command's arrival to its answer.", labels=["command"])
        for labels, count in list(commands.answers.items()):
            handled.add_metric(labels, count)
        for command, seconds in list(commands.seconds.items()):
            counts = [commands.within.get((command, bucket), 0) for bucket in range(len(commands.BUCKETS_S) + 1)]
            limits = [*map(str, commands.BUCKETS_S), "+Inf"]
            took.add_metric([command], list(zip(limits, accumulate(counts), strict=True)), seconds)
        return iter((handled, took))


class FollowerFigures(Protocol):
    """What a follower counts; read when somebody asks, because the path of every event is no place for locks."""

    name: str
    folded: int
    reactions: int

    @property
    def position(self) -> int: ...

    @property
    def pending(self) -> int: ...


followers: WeakSet[FollowerFigures] = WeakSet()
in_flight: WeakSet[Sized] = WeakSet()
"""Marks of appends that have not come back (runtime.in_flight), counted when somebody asks."""


class _Followers(Collector):
    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        folded = CounterMetricFamily("callstream_events_folded", "Events folded into a state.", labels=["follower"])
        reactions = CounterMetricFamily("callstream_reactions", "Reactions run.", labels=["follower"])
        position = GaugeMetricFamily("callstream_follower_position", "Stream sequence that was folded.", labels=["follower"])
        pending = GaugeMetricFamily("callstream_follower_pending", "Events known to wait behind it.", labels=["follower"])
        under_way = GaugeMetricFamily("callstream_in_flight", "Aggregates whose append has not come back yet.")
        under_way.add_metric([], sum(map(len, list(in_flight))))
        for follower in list(followers):
            folded.add_metric([follower.name], follower.folded)
            reactions.add_metric([follower.name], follower.reactions)
            position.add_metric([follower.name], follower.position)
            pending.add_metric([follower.name], follower.pending)
        return iter((folded, reactions, position, pending, under_way))


REGISTRY.register(_Followers())
REGISTRY.register(_Commands())
