"""routing as a process: its copies share the tenants, and stand by for each other with the same fold."""

import gc

from callstream.contracts.commands import AssignAgent, EstimateWait, ListWaiting, QueuePosition, StopRequest
from callstream.contracts.envelope import Recorded
from callstream.runtime.auth import TokenVerifier
from callstream.runtime.service import Service, run
from callstream.runtime.snapshots import Snapshot
from callstream_routing.api import build_api
from callstream_routing.app.configure import Configure
from callstream_routing.app.decisions import Decisions
from callstream_routing.app.offer import Offering
from callstream_routing.app.on_supervise import Supervise
from callstream_routing.app.queries import Queries
from callstream_routing.app.react import Reaction
from callstream_routing.config import read_config
from callstream_routing.domain.evolve import FOLLOWS
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.keep import VERSION, Kept, restore, take


async def wire(service: Service) -> None:
    """Everything that runs in this process."""
    hall = Hall()
    in_flight = service.in_flight()
    shares = service.shares("routing")
    configure = Configure(hall, service.config)
    service.config.on_change.append(configure.changed)
    offering = Offering(hall, service.store, service.commands, service.config, service.clock)
    reaction = Reaction(hall, in_flight, offering, configure, service.clock, shares.held)

    def evolve(recorded: Recorded) -> None:
        configure.load_once()
        hall.evolve(recorded)

    def put_back(kept: Kept) -> None:
        configure.load_once()
        restore(hall, kept)

    follower = service.follow(
        FOLLOWS,
        evolve,
        react=reaction,
        next_due=hall.timers.next_due,
        in_flight=in_flight,
        active=shares.any_held,
        snapshot=Snapshot(VERSION, Kept, lambda: take(hall), put_back),
    )
    offering.wake = follower.wake
    service.on_drain.append(offering.settled)
    queries = Queries(hall)
    supervise = Supervise(hall, service.store, service.clock)
    service.on_command(StopRequest, supervise.stop)
    service.on_command(AssignAgent, supervise.assign)
    service.on_command(QueuePosition, queries.queue_position)
    service.on_command(ListWaiting, queries.waiting)
    service.on_command(EstimateWait, queries.estimate)
    service.on_start.append(_settle_memory)
    public_key = read_config().public_key_file
    if public_key is not None:
        decisions = Decisions(service.store, hall, service.config)
        service.mount(build_api(decisions, TokenVerifier.from_file(public_key)))


async def _settle_memory() -> None:
    """What was built from the log stays: collections of garbage need not walk through it in the middle of a decision."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """The process's entry point."""
    run("routing", wire)


if __name__ == "__main__":
    main()
