"""Wiring: what ivr follows, and what it does when the log has moved."""

from uuid import uuid4

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import queue_events as queue
from callstream.contracts.subjects import events_of
from callstream.runtime.origins import hook_origins
from callstream.runtime.service import Service, run
from callstream.runtime.snapshots import Snapshot
from callstream_ivr.adapters.hooks import Hooks
from callstream_ivr.adapters.published_flows import PublishedFlows
from callstream_ivr.app.ask_position import AskPosition
from callstream_ivr.app.ask_preferred import AskPreferred
from callstream_ivr.app.carry_out import CarryOut
from callstream_ivr.app.react import React
from callstream_ivr.domain.sessions import Kept, Sessions

FOLLOWED = (
    events_of("ivr"),
    *(
        events_of("call", event.NAME)
        for event in (
            call.CallArrived,
            call.CallDialled,
            call.CallAnswered,
            call.PlaybackFinished,
            call.DigitReceived,
            call.OfferAnswered,
            call.CallEnded,
        )
    ),
    *(events_of("call", event.NAME) for event in (control.FlowStarted, control.FlowLeft)),
    *(events_of("queue", event.NAME) for event in (queue.OfferMade, queue.OfferWithdrawn, queue.ContactLeft)),
)

SNAPSHOT_VERSION = 6
"""Counts up with every change of what a Session holds or means."""


async def wire(service: Service) -> None:
    """Everything hangs on one follower, which reacts while this instance holds the lease and knows the flows."""
    sessions = Sessions()
    lease = service.lease("ivr")
    in_flight = service.in_flight()

    def look_again(call_id: str) -> None:
        sessions.changed[call_id] = None
        follower.wake()

    carry_out = CarryOut(service.commands, AskPosition(service.commands, run=uuid4().hex[:8]), look_again)
    hooks, flows = Hooks(hook_origins()), PublishedFlows(service.config)
    ask_preferred = AskPreferred(hooks, flows, look_again)
    follower = service.follow(
        FOLLOWED,
        sessions.evolve,
        react=React(sessions, flows, in_flight, carry_out, ask_preferred, service.clock),
        next_due=sessions.next_due,
        in_flight=in_flight,
        active=lambda: lease.held() and service.config.ready.is_set(),
        snapshot=Snapshot(SNAPSHOT_VERSION, Kept, sessions.take, sessions.restore),
    )
    service.on_stop += [carry_out.stop, ask_preferred.stop, hooks.close]


def main() -> None:
    """The process."""
    run("ivr", wire)


if __name__ == "__main__":
    main()
