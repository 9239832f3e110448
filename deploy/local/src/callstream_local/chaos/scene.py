"""Calls that are long enough to be cut: agents and callers who talk, half ended by either side, and one caller who waits."""

from callstream_local.demo.manifest import NUMBER
from callstream_local.demo.scenario import Scenario, caller_number
from callstream_local.phones.plans import AgentPlan, Answer, CallPlan
from callstream_local.phones.tones import agent_tone, caller_tone

TALKS = 4
WAITS = 1
AGENT_TALKS_S = 22.0
CALLER_TALKS_S = 28.0
PATIENCE_S = 40.0
"""Of who waits: longer than the first talks; but a queue that is gone tells nobody."""
LISTEN_MS = 1200


def scene(passwords: dict[str, str]) -> Scenario:
    """As many agents as there are passwords. The first half of them ends its calls itself."""
    agents = tuple(
        AgentPlan(
            user=user,
            password=password,
            tone_hz=agent_tone(index),
            reactions=(Answer(0.3, AGENT_TALKS_S if index < TALKS // 2 else None), Answer(0.3, 2.0)),
        )
        for index, (user, password) in enumerate(passwords.items())
    )
    callers = tuple(
        CallPlan(
            caller=caller_number(index),
            called=NUMBER,
            tone_hz=caller_tone(index),
            # Who waits comes last, when all agents talk.
            after_s=0.3 * index if index < TALKS else 5.0,
            keys=("12"[index % 2],),
            listen_ms=(LISTEN_MS,),
            talk_s=CALLER_TALKS_S if index < TALKS else None,
            patience_s=None if index < TALKS else PATIENCE_S,
            name="talks" if index < TALKS else "waits",
        )
        for index in range(TALKS + WAITS)
    )
    return Scenario(callers=callers, agents=agents)
