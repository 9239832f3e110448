"""What is decided in one step is one event: a flow's beginning in its first node, a key in the node that it leads to."""

from callstream.contracts import ivr_events as ivr
from callstream.contracts.envelope import Event
from callstream.contracts.flow import TransferToAgent

from .hotline import HOTLINE, flow
from .world import World


def appended(world: World) -> list[Event]:
    return [recorded.event for recorded in world.log if recorded.aggregate == "ivr"]


def test_a_call_through_a_menu() -> None:
    world = World(HOTLINE, [(3, "press 7"), (6, "press 2"), (14, "offer O1"), (15, "answer O1")]).run()
    welcome, menu, wrong, request, *rest = appended(world)
    assert isinstance(welcome, ivr.NodeEntered)
    assert welcome.started is not None
    assert (welcome.node_id, welcome.started.flow_id, welcome.pressed) == ("welcome", "main", None)
    assert isinstance(menu, ivr.NodeEntered)
    assert (menu.node_id, menu.started, menu.pressed) == ("menu", None, None)
    assert isinstance(wrong, ivr.KeyPressed), "it leads nowhere"
    assert isinstance(request, ivr.AgentRequested)
    assert request.pressed is not None
    assert (request.pressed.key, request.pressed.branch, request.started) == ("2", "Service", None)
    assert request.handled == request.pressed.handled > wrong.handled
    assert [entry.key for entry in request.trail] == ["7", "2"], "the agent sees the key that led to them"
    assert not any(isinstance(event, ivr.IvrEnded) for event in rest), "call.offer-answered says it"


def test_a_flow_that_begins_with_the_queue() -> None:
    world = World(flow(TransferToAgent(id="q", group_id="g", failed="bye")), [(5, "offer O1"), (6, "answer O1")]).run()
    (request,) = appended(world)
    assert isinstance(request, ivr.AgentRequested)
    assert request.started is not None
    assert (request.started.flow_id, request.node_id, request.pressed) == ("main", "q", None)
    assert world.open_sessions == 0


def test_a_request_that_waits_for_the_tenants_word_stands_alone() -> None:
    asks = flow(
        TransferToAgent(id="q", group_id="g", failed="bye", ask_preferred=True),
    )
    started, request = appended(World(asks, [(5, "offer O1"), (6, "answer O1")]).run())
    assert isinstance(started, ivr.IvrStarted)
    assert isinstance(request, ivr.AgentRequested)
    assert request.started is None
