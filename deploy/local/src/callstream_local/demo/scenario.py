"""Who calls, who answers, and what they are like: pure, the same for the same seed.

The mix is of shares of all calls, at least one of each kind from ten calls on. Callers who leave the queue come after the first
agents are taken, so that there is a queue to leave.
"""

import random
from dataclasses import dataclass

from callstream_local.demo.manifest import NUMBER, agent_ids
from callstream_local.phones.plans import AgentPlan, Answer, CallPlan, LetRing, Reaction, Reject
from callstream_local.phones.tones import agent_tone, caller_tone

SHARES = {
    "wrong key first": 0.15,
    "no key": 0.07,
    "wrong keys only": 0.05,
    "leaves in prompt": 0.08,
    "leaves the queue": 0.13,
}
ORDINARY = "talks"
SPACING_S = 0.4
"""Between two callers."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Plans for both sides."""

    callers: tuple[CallPlan, ...]
    agents: tuple[AgentPlan, ...]


def scenario(calls: int, agents: int, passwords: dict[str, str], seed: int = 1) -> Scenario:
    """`passwords`: the phones' by user name."""
    dice = random.Random(seed)
    kinds = _kinds(calls, agents, dice)
    callers = tuple(_caller(index, kind, dice) for index, kind in enumerate(kinds))
    desks = tuple(_agent(index, user, passwords[user], agents, dice) for index, user in enumerate(agent_ids(agents)))
    return Scenario(callers, desks)


def caller_number(index: int) -> str:
    """Each caller has a number of its own."""
    return f"+86138{index + 1:08d}"


def _kinds(calls: int, agents: int, dice: random.Random) -> list[str]:
    kinds = [kind for kind, share in SHARES.items() for _ in range(max(round(calls * share), int(calls >= 10)))][:calls]
    leaving = [kind for kind in kinds if kind == "leaves the queue"]
    others = [kind for kind in kinds if kind != "leaves the queue"]
    others += [ORDINARY] * (calls - len(kinds))
    dice.shuffle(others)
    busy = min(len(others), 2 * agents)
    rest = others[busy:] + leaving
    dice.shuffle(rest)
    return others[:busy] + rest


def _caller(index: int, kind: str, dice: random.Random) -> CallPlan:
    key = "12"[index % 2]
    wrong = dice.choice("3456789")
    keys: tuple[str, ...] = (key,)
    listen: tuple[int, ...] = (dice.randint(1400, 2400),)
    match kind:
        case "wrong key first":
            keys, listen = (wrong, key), (*listen, dice.randint(500, 900))
        case "wrong keys only":
            keys, listen = (wrong, dice.choice("3456789")), (*listen, dice.randint(500, 900))
        case "no key" | "leaves in prompt":
            keys, listen = (), ()
        case _:
            pass
    return CallPlan(
        caller=caller_number(index),
        called=NUMBER,
        tone_hz=caller_tone(index),
        after_s=index * SPACING_S,
        keys=keys,
        listen_ms=listen,
        leaves_prompt_s=dice.uniform(0.8, 1.5) if kind == "leaves in prompt" else None,
        patience_s=dice.uniform(0.9, 1.4) if kind == "leaves the queue" else None,
        talk_s=dice.uniform(2.8, 3.6) if dice.random() < 0.5 else None,
        name=kind,
    )


def _agent(index: int, user: str, password: str, agents: int, dice: random.Random) -> AgentPlan:
    """The last third lets the first call ring, the second agent rejects its first; all talk a little longer than callers."""
    usual = Answer(after_s=dice.uniform(0.3, 1.0), talk_s=dice.uniform(3.8, 4.6))
    first: tuple[Reaction, ...] = ()
    if index == 1:
        first = (Reject(after_s=0.4),)
    elif agents > 2 and index % 3 == 2:
        first = (LetRing(),)
    return AgentPlan(user=user, password=password, tone_hz=agent_tone(index), reactions=(*first, usual))
