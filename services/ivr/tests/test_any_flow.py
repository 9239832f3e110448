"""Any flow that the check accepts can be run to its end, whatever its caller does."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callstream.contracts.config import Audio, Speech
from callstream.contracts.flow import (
    AnyNode,
    Branch,
    Choice,
    End,
    Flow,
    Play,
    Prompts,
    Start,
    TransferToAgent,
    Voicemail,
    check,
    exits,
)
from callstream.kernel.outcomes import Reason
from callstream_ivr.domain.decide import decide
from callstream_ivr.domain.graph import Graph

from .hotline import HOTLINE
from .world import CALL, World

PROMPTS: st.SearchStrategy[Prompts] = st.sampled_from(
    [(Speech(text="Hello."),), (Audio(audio_id="missing"),), (Speech(text="0.2 s"), Audio(audio_id="a"))]
)
SOME_PROMPTS: st.SearchStrategy[Prompts] = st.one_of(st.just(()), PROMPTS)
KEYS = "0123456789*#"


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A random flow: each node has one exit that leads on, the others lead anywhere; what Start does not reach is left out."""
    size = draw(st.integers(1, 8))
    names = [f"n{i}" for i in range(size)] + ["bye"]
    nodes: dict[str, AnyNode] = {"bye": End(id="bye")}
    for i, name in enumerate(names[:-1]):
        on = draw(st.sampled_from(names[i + 1 :]))
        match draw(st.sampled_from(["play", "branch", "transfer", "voicemail"])):
            case "play":
                repeat = draw(st.integers(1, 3))
                nodes[name] = Play(id=name, prompts=draw(PROMPTS), next=on, repeat=repeat, barge_in=draw(st.booleans()))
            case "voicemail":
                nodes[name] = Voicemail(
                    id=name,
                    prompts=draw(PROMPTS),
                    next=on,
                    group_id="g",
                    max_s=draw(st.integers(5, 20)),
                    barge_in=draw(st.booleans()),
                )
            case "branch":
                keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
                anywhere = [draw(st.sampled_from([*names, "start"])) for _ in keys]
                nodes[name] = Branch(
                    id=name,
                    prompts=draw(PROMPTS),
                    choices=tuple(Choice(key=k, name="", next=t) for k, t in zip(keys, [on, *anywhere[1:]], strict=True)),
                    timeout_s=draw(st.integers(1, 5)),
                    max_errors=draw(st.integers(0, 3)),
                    timeout_prompts=draw(SOME_PROMPTS),
                    error_prompts=draw(SOME_PROMPTS),
                    barge_in=draw(st.booleans()),
                )
            case _:
                nodes[name] = TransferToAgent(
                    id=name,
                    group_id="g",
                    failed=on,
                    transferring_prompts=draw(SOME_PROMPTS),
                    queue_prompts=draw(SOME_PROMPTS),
                )
    start = Start(id="start", next=names[0])
    reached, todo = {names[0]}, [names[0]]
    while todo:
        for _, target in exits(nodes[todo.pop()]):
            if target != "start" and target not in reached:
                reached.add(target)
                todo.append(target)
    return Flow(id="main", name="Any", nodes=(start, *(nodes[name] for name in names if name in reached)))


ACTIONS = st.lists(
    st.tuples(
        st.floats(0, 60),
        st.one_of(st.sampled_from([f"press {key}" for key in KEYS]), st.sampled_from(["queue failed", "offer O1", "answer O1"])),
    ),
    max_size=25,
)


@pytest.mark.feature("F103")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(flow=flows(), actions=ACTIONS, kill_behind=st.integers(0, 40))
def test_an_accepted_flow_ends(flow: Flow, actions: list[tuple[float, str]], kill_behind: int) -> None:
    assert check(flow) == []
    served = [(float(second), "queue failed") for second in range(61, 600, 5)]
    world = World(flow, [*actions, *served])
    world.kill_behind = kill_behind
    world.run()
    ends = sum(line.startswith("end:") for line in world.story)
    assert ends <= 1, world.timed_story
    assert world.open_sessions == (1 if ends and not world._over else 0), "over by its own word, by an answer, or with the call"
    assert "end: internal" not in world.story


@pytest.mark.feature("F103")
@settings(max_examples=150, deadline=None)
@given(flow=flows(), data=st.data())
def test_a_damaged_flow_is_refused(flow: Flow, data: st.DataObject) -> None:
    """Take any node away, or point its exit nowhere: the check names a node and a field."""
    victim = data.draw(st.sampled_from([node for node in flow.nodes if node.id != "start"]))
    problems = check(Flow(id=flow.id, name=flow.name, nodes=tuple(node for node in flow.nodes if node.id != victim.id)))
    assert problems
    assert all(problem.field for problem in problems)
    assert any(victim.id in problem.message for problem in problems)


def test_a_circle_that_slipped_past_the_check_is_stopped() -> None:
    """The second net: a graph that was never checked must not turn for ever."""
    graph = Graph(HOTLINE)
    welcome, sorry = graph.nodes["welcome"], graph.nodes["sorry"]
    assert isinstance(welcome, Play)
    circle: dict[str, Any] = {
        "welcome": Play(id="welcome", prompts=(Audio(audio_id="missing"),), next="sorry"),
        "sorry": Play(id="sorry", prompts=(Audio(audio_id="missing"),), next="welcome"),
    }
    graph.nodes = {**graph.nodes, **circle}
    world = World(HOTLINE)
    world.catalogue.flow = graph
    world.run()
    assert world.story[-1] == "end: internal"
    assert len(world.story) < 3 * len(graph.nodes)
    assert sorry is not welcome


def test_an_ended_session_decides_nothing() -> None:
    world = World(HOTLINE, [(3, "press 2"), (4, "queue stopped")])
    world.run(4.001)
    session = world._sessions.get(CALL)
    assert session is not None
    assert session.ended is Reason.SUPERVISOR
    assert decide(session, world.catalogue, world.clock.now()) is None
