"""A flow in the middle of a call (F027): a session of its own, by its own id, that hangs nobody up."""

from datetime import UTC, datetime, timedelta

import pytest

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts.commands import Command, PlayPrompts
from callstream.contracts.config import Settings, Speech
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.flow import Branch, Choice, End, Flow, Play, Start, TransferToAgent
from callstream.kernel.outcomes import Party, Reason
from callstream.testing.apart import all_apart
from callstream_ivr.domain.decide import decide
from callstream_ivr.domain.graph import Graph
from callstream_ivr.domain.record import to_append
from callstream_ivr.domain.sessions import Sessions
from callstream_ivr.domain.wanted import wanted

from .world import CALL, CALLED, CALLER, TENANT, Published

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RUN = f"{CALL}-f1"


def flow(*nodes: Start | Play | Branch | TransferToAgent | End) -> Flow:
    return Flow(id="confirm", version=1, name="Confirm", nodes=nodes)


CONFIRM = flow(
    Start(id="start", next="ask"),
    Branch(
        id="ask",
        prompts=(Speech(text="1 for yes"),),
        choices=(Choice(key="1", name="yes", next="thanks"),),
        max_errors=0,
    ),
    Play(id="thanks", prompts=(Speech(text="thanks"),), next="yes"),
    End(id="yes"),
)
HANDS_ON = flow(Start(id="start", next="agent"), TransferToAgent(id="agent", group_id="g", failed="end"), End(id="end"))


class Run:
    """One run, told event by event; what ivr decides comes back at once."""

    def __init__(self, document: Flow = CONFIRM, flow_id: str = "confirm") -> None:
        self.catalogue = Published(Graph(document), True, "none", Settings())
        self.sessions = Sessions()
        self.log: list[Recorded] = []
        self.now = NOW
        self.happen(
            control.FlowStarted(
                run_id=RUN,
                agent_id="1001",
                actor="1001",
                flow_id=flow_id,
                flow_version=1,
                caller=CALLER,
                called=CALLED,
                gateway="gw",
                customer_leg_id="C-c",
            )
        )

    def happen(self, event: Event, aggregate: str = "call", of: str = CALL, correlation: str = CALL) -> None:
        seq = len(self.log) + 1
        recorded = Recorded(
            id=f"e{seq}",
            tenant=TENANT,
            aggregate=aggregate,
            aggregate_id=of,
            seq=seq,
            time=self.now,
            event=event,
            correlation_id=correlation,
        )
        self.log.append(recorded)
        self.sessions.evolve(recorded)
        session = self.sessions.get(RUN)
        told = decide(session, self.catalogue, self.now) if session is not None else None
        if told is not None and session is not None:
            new = to_append(session, told, self.now)
            self.happen(new.event, "ivr", new.aggregate_id, new.correlation_id)

    def told(self) -> list[Event]:
        return [recorded.event for recorded in all_apart(self.log) if recorded.aggregate == "ivr"]

    def wants(self) -> Command | None:
        session = self.sessions.get(RUN)
        return wanted(session, self.catalogue) if session is not None else None

    def played(self) -> None:
        """What plays comes to its end."""
        play = self.wants()
        assert isinstance(play, PlayPrompts)
        assert (play.call_id, play.play_id.startswith(RUN)) == (CALL, True)
        self.happen(call.PlaybackFinished(play_id=play.play_id, how="completed"))


def test_it_plays_hears_keys_and_ends_without_hanging_up() -> None:
    run = Run()
    run.played()
    run.happen(call.DigitReceived(digit="1", leg_id="C-c"))
    run.played()
    ended = run.told()[-1]
    assert isinstance(ended, ivr.IvrEnded)
    assert (ended.reason, ended.node_id) == (Reason.FLOW_ENDED, "yes")
    assert run.log[-1].aggregate_id == RUN
    assert run.log[-1].correlation_id == CALL, "how the gateway knows whose it is"
    assert run.wants() is None, "the call goes on"
    assert len(run.sessions) == 0


@pytest.mark.parametrize(
    "event",
    [
        control.FlowLeft(run_id=RUN, agent_id="1001", how="resumed", reason=Reason.NORMAL),
        call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER),
    ],
)
def test_it_stops_when_the_customer_is_taken_back_or_gone(event: Event) -> None:
    run = Run()
    before = run.told()
    run.happen(event)
    assert run.told() == before, "that event says it"
    assert len(run.sessions) == 0


def test_too_many_errors_lead_back_to_the_agent() -> None:
    run = Run()
    run.played()
    run.happen(call.DigitReceived(digit="9", leg_id="C-c"))
    ended = run.told()[-1]
    assert isinstance(ended, ivr.IvrEnded)
    assert ended.reason is Reason.MAX_ERRORS
    assert run.wants() is None


@pytest.mark.parametrize(
    ("document", "flow_id", "reason"), [(HANDS_ON, "confirm", Reason.FLOW_ENDED), (CONFIRM, "gone", Reason.UNKNOWN_FLOW)]
)
def test_it_asks_for_no_agent_and_needs_a_flow(document: Flow, flow_id: str, reason: Reason) -> None:
    run = Run(document, flow_id)
    ended = run.told()[-1]
    assert isinstance(ended, ivr.IvrEnded)
    assert ended.reason is reason
    assert not [event for event in run.told() if isinstance(event, ivr.AgentRequested)]


def test_a_snapshot_knows_the_run() -> None:
    run = Run()
    again = Sessions()
    again.restore(run.sessions.take())
    run.sessions, run.now = again, NOW + timedelta(seconds=1)
    run.played()
    run.happen(call.DigitReceived(digit="1", leg_id="C-c"))
    assert isinstance(run.told()[-1], ivr.NodeEntered)
