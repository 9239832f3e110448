"""The lab's agents against agent-state's own decisions: folded over the simulated log, agent-state would do the same."""

from typing import Any

import pytest

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.states import AgentState
from callstream_agent_state.domain.follow import follow
from callstream_agent_state.domain.roster import Roster
from callstream_local.lab.generate import generated_policy
from callstream_local.lab.policy import changed
from callstream_local.lab.simulate import simulate

from .scene import BUSY, busy_day

BY_PEOPLE = frozenset({"sign-in", "sign-out", "chosen", "wrap-up-ended", "reserved"})
"""What agents do and routing asks for: agent-state carries it out, but does not come to it by itself."""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"missed_policy": "break", "after_wrap_up": "idle"},
        {"missed_policy": "break-after", "missed_limit": 2, "wrap_up_s": 5},
        {"auto_idle": False},
    ],
)
def test_agent_state_would_have_done_the_same(settings: dict[str, Any]) -> None:
    policy = changed(generated_policy(BUSY), {"settings": {"ring_timeout_s": 12, **settings}})
    run = simulate(busy_day(), policy, keep_log=True)
    roster, compared, seen = Roster(), 0, set()
    for recorded in run.log:
        event = recorded.event
        if isinstance(event, AgentStateChanged):
            agent = roster.agent(recorded.tenant, recorded.aggregate_id)
            assert agent.state is event.previous
            if event.cause not in BY_PEOPLE:
                change = follow(agent, policy.settings, recorded.time)
                assert change is not None, f"agent-state sees no reason for {recorded}"
                told = change.events[0]
                assert isinstance(told, AgentStateChanged)
                assert (told.state, told.reason, told.deadline) == (event.state, event.reason, event.deadline)
                compared += 1
                seen.add((event.previous, event.state))
        roster.evolve(recorded)
    assert compared > 1000
    assert {(AgentState.RINGING, AgentState.BUSY), (AgentState.BUSY, AgentState.WRAP_UP)} <= seen
    broke = (AgentState.RINGING, AgentState.BREAK) in seen
    assert broke or policy.settings.missed_policy == "stay-idle"
