"""Whatever comes in whatever order, doubled, late or foreign: no state without a way out, no move beside the table."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState, MissedPolicy
from callstream.kernel.errors import Refusal
from callstream_agent_state.domain.table import AT_CHOICE, TABLE

from .story import Story

offers = st.sampled_from(["o1", "o2", "o3"])
calls = st.sampled_from(["c1", "c2"])
seconds = st.sampled_from([0.5, 3, 10, 90])
choices = st.sampled_from([("idle", ""), ("busy-set", ""), ("break", "meal"), ("break", "golf"), ("busy", "")])

steps = st.one_of(
    st.tuples(st.sampled_from(["sign_in", "sign_out", "end_wrap_up"])),
    st.builds(lambda choice: ("set_state", *choice), choices),
    st.tuples(st.sampled_from(["reserve", "offer_made", "answered", "leg_ended", "ring", "talk"]), offers, calls),
    st.tuples(st.just("release"), offers),
    st.tuples(
        st.just("withdrawn"), st.sampled_from(["ring-timeout", "caller-hung-up", "agent-rejected", "agent-gone"]), offers, calls
    ),
    st.tuples(st.just("left"), st.sampled_from(["answered", "abandoned", "failed"]), calls),
    st.tuples(st.just("call_ended"), calls),
    st.tuples(st.just("later"), seconds),
    st.tuples(st.just("pause"), st.booleans()),
)

policies = st.builds(
    Settings,
    missed_policy=st.sampled_from(MissedPolicy),
    missed_limit=st.integers(1, 3),
    auto_idle=st.booleans(),
    default_state=st.sampled_from([AgentState.IDLE, AgentState.BUSY_SET]),
)


def play(story: Story, step: tuple[Any, ...]) -> None:
    """One step; what is refused changes nothing."""
    name, *arguments = step
    if name == "pause":
        story.paused = arguments[0]
        story.react()
        return
    before = len(story.told)
    refused = None
    try:
        getattr(story, name)(*arguments)
    except Refusal as refusal:
        refused = refusal
    if refused is not None:
        assert refused.field
        assert len(story.told) == before


def check(story: Story) -> None:
    """After any step."""
    agent = story.agent
    if not story.paused:
        assert agent.facts == []
    if agent.state in (AgentState.RINGING, AgentState.BUSY):
        assert agent.offer_id
        assert agent.call_id
    if agent.state is AgentState.RINGING and not agent.offer_is_made:
        assert story.roster.timers.due_of(agent.key) is not None, "nothing would end the reservation"
    if agent.state in AT_CHOICE:
        assert (agent.wish, agent.offer_id, agent.call_id, agent.deadline) == (None, "", "", None)
    if agent.state is AgentState.BREAK:
        assert agent.reason in ("meal", "auto")


def check_log(story: Story) -> None:
    """Each change goes on from the one before, along the table; ringing comes from idle only (F037-F043, F048)."""
    state = AgentState.OFFLINE
    reachable = {(source, target) for (source, _), target in TABLE.rows.items()}
    for change in story.changes():
        assert change.previous is state
        in_a_row = any((change.previous, via) in reachable and (via, change.state) in reachable for via in AgentState)
        assert (change.previous, change.state) in reachable or in_a_row
        if change.state is AgentState.RINGING:
            assert change.previous is AgentState.IDLE
        state = change.state


@settings(max_examples=400, deadline=None)
@given(policies, st.lists(steps, max_size=40))
def test_any_history(settings: Settings, steps: list[tuple[Any, ...]]) -> None:
    story = Story(settings)
    for step in steps:
        play(story, step)
        check(story)
    play(story, ("pause", False))
    again = story.restarted()
    assert again.agent == story.agent
    assert len(again.told) == len(story.told)
    for call_id in ("c1", "c2"):
        story.call_ended(call_id)
    story.later(100)
    assert story.state in ("offline", "idle", "busy-set", "break") or (story.state == "wrap-up" and not settings.auto_idle)
    check_log(story)
