"""Whatever comes in whatever order, doubled, late or foreign: no state without a way out, no move beside the table."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callstream.contracts.commands import CallTruth
from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState, Channel, MissedPolicy, Presence
from callstream.kernel.errors import Refusal
from callstream_agent_state.domain.table import AT_CHOICE, TABLE

from .story import Story, holds

offers = st.sampled_from(["o1", "o2", "o3"])
calls = st.sampled_from(["c1", "c2"])
seconds = st.sampled_from([0.5, 3, 10, 90])
choices = st.sampled_from([("idle", ""), ("busy-set", ""), ("break", "meal"), ("break", "golf"), ("busy", "")])

steps = st.one_of(
    st.tuples(st.sampled_from(["sign_in", "sign_out", "end_wrap_up"])),
    st.builds(lambda choice: ("set_state", *choice), choices),
    st.tuples(st.sampled_from(["reserve", "offer_made", "answered", "leg_ended", "ring", "talk"]), offers, calls),
    st.tuples(st.just("release"), st.sampled_from(["o1", "o2", "d1"])),
    st.tuples(st.sampled_from(["seize", "dialled", "reached", "picked_up", "own_leg_ended", "call_ended"]), st.just("d1")),
    st.tuples(st.just("listens"), calls),
    st.tuples(st.just("own_leg_ended"), calls, st.just("supervisor")),
    st.tuples(st.just("seize"), calls, st.just("supervision")),
    st.tuples(
        st.just("withdrawn"), st.sampled_from(["ring-timeout", "caller-hung-up", "agent-rejected", "agent-gone"]), offers, calls
    ),
    st.tuples(st.just("left"), st.sampled_from(["answered", "abandoned", "failed"]), calls),
    st.tuples(st.just("call_ended"), calls),
    st.tuples(st.just("later"), seconds),
    st.tuples(st.just("sign_in"), st.just("1005"), st.sampled_from(["tab-1", "tab-2"])),
    st.tuples(st.just("heartbeat"), st.sampled_from(["tab-1", "tab-2"])),
    st.tuples(st.just("force_offline")),
    st.tuples(st.just("seconds"), st.sampled_from([1, 31, 61])),
    st.builds(lambda choice, by: ("set_state", *choice, "", by), choices, st.sampled_from(["", "boss"])),
    st.tuples(st.sampled_from(["reserve"]), st.sampled_from(["x1", "x2", "x3"]), calls, st.just("1005"), st.just("chat")),
    st.tuples(st.just("pause"), st.booleans()),
)

policies = st.builds(
    Settings,
    missed_policy=st.sampled_from(MissedPolicy),
    missed_limit=st.integers(1, 3),
    auto_idle=st.booleans(),
    default_state=st.sampled_from([AgentState.IDLE, AgentState.BUSY_SET]),
    capacity=st.sampled_from([{}, {Channel.CHAT: 2}]),
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
    if agent.awaits_call:
        assert story.roster.timers.due_of(agent.key) is not None, "nothing would end the seizure"
    if agent.state in AT_CHOICE:
        assert (agent.wish, agent.offer_id, agent.call_id, agent.deadline) == (None, "", "", None)
    if agent.state is AgentState.BREAK:
        assert agent.reason in ("meal", "auto")
    assert len(agent.contacts) <= story.settings.capacity.get(Channel.CHAT, 0)
    if not agent.signed_in:
        assert (agent.session_id, agent.presence, agent.contacts) == ("", Presence.OFFLINE, {})


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
    for call_id in ("c1", "c2", "d1"):
        story.call_ended(call_id)
    story.later(100)
    assert story.state in ("offline", "idle", "busy-set", "break") or (story.state == "wrap-up" and not settings.auto_idle)
    check_log(story)


class Switch:
    """A gateway that really holds calls and legs. What it tells the log, the service may lose."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.offer: str = ""
        self.answered = False
        self.up = True
        story.arrived()
        story.sign_in()

    def truth(self) -> list[CallTruth] | None:
        if not self.up:
            return None
        return [holds("c1", self.offer, answered=self.answered)]

    def do(self, step: str, lose: bool) -> None:
        """One step of the media, of routing or of the caller, if it is possible now."""
        story = self.story
        if step == "offer" and not self.offer and story.state == "idle" and not story.agent.open_offer:
            self.offer, self.answered = f"o{len(story.told)}", False
            story.reserve(self.offer)
            self.tell("offer-made", lambda: story.offer_made(self.offer), lose)
        elif step == "answer" and self.offer and not self.answered:
            self.answered = True
            self.tell("offer-answered", lambda: story.answered(self.offer), lose)
        elif step == "withdraw" and self.offer and not self.answered:
            offer, self.offer = self.offer, ""
            self.tell("offer-withdrawn", lambda: story.withdrawn(offer=offer), lose)
        elif step == "hang up" and self.answered:
            offer, self.offer, self.answered = self.offer, "", False
            self.tell("leg-ended", lambda: story.leg_ended(offer), lose)
        elif step == "gateway restarts":
            self.offer, self.answered = "", False
        elif step == "gateway dies":
            self.up = False

    def tell(self, name: str, fact: Callable[[], None], lose: bool) -> None:
        if lose:
            self.story.deaf.add(name)
        fact()
        self.story.deaf.clear()


moves = st.tuples(
    st.sampled_from(["offer", "answer", "withdraw", "hang up", "wait", "gateway restarts", "gateway dies"]), st.booleans()
)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=25))
def test_whatever_is_lost_the_agent_agrees_with_the_media_within_five_seconds(steps: list[tuple[str, bool]]) -> None:
    story = Story(Settings(wrap_up_s=1))
    switch = Switch(story)
    for step, lose in steps:
        if switch.up and ("acme", "c1") in story.roster.calls.calls:
            switch.do(step, lose)
        story.seconds(1, truth=switch.truth())
    story.seconds(5, truth=switch.truth())
    talks = switch.up and switch.answered
    assert (story.state == "busy") is talks, story.path()
    if not switch.offer or not switch.up:
        story.seconds(2, truth=switch.truth())
        assert story.state == "idle"
        assert story.reserve("next", "c9"), "nothing keeps the agent from the next call"
    assert story.restarted().state == story.state, "a restart reads what was lost, and it changes nothing any more"
