"""A decision in words, for a person who asks why."""

from callstream.contracts.queue_events import Candidate, Decision

_PREFERRED = {
    "outbound-memory": "called this customer within the last three days",
    "preferred-agent": "was asked for by the flow",
    "last-agent": "answered this caller last time",
    "supervisor": "was assigned by a supervisor",
    "transfer": "was chosen for the transfer",
    "consult": "was asked for by a colleague",
    "invite": "was invited by a colleague",
    "internal": "was called by a colleague",
}
_CRITERIA = {
    "longest-idle": "idle for {} s",
    "fewest-calls": "{} calls today",
    "agent-priority": "priority {}",
    "agent-level": "level {}",
    "skill-level": "skill levels {}",
    "answer-rate": "answered {} of 1000 offers today",
}
_STATES = {"break": "on break", "busy-set": "set to busy", "wrap-up": "in wrap-up"}
_REASONS = {
    "offered-before": "had let this request ring already",
    "offer-open": "had another offer open",
    "in-flight": "was just being reserved",
    "cool-down": "their phone had just failed",
    "eligible": "could have taken it, ranked behind",
}


def explain(agent_id: str, decision: Decision) -> list[str]:
    """What decided, in sentences."""
    order = "level of customer type, priority and wait in this order"
    if decision.ageing_s:
        order = f"wait, where a step of priority counts as {decision.ageing_s} s of waiting"
    urgency = f"customer type {decision.customer_type or 'none'} (level {decision.level}), priority {decision.priority}"
    said = [
        f"Waited {decision.waited_ms / 1000:.1f} s in {decision.group_id}, {decision.ahead} ahead; {urgency}; ordered by {order}."
    ]
    if decision.skills or decision.relaxed:
        needed = ", ".join(f"{skill} {level}" for skill, level in sorted(decision.skills.items())) or "nothing"
        said.append(f"Needed {needed} after {decision.relaxed} steps of relaxation.")
    if decision.callback:
        said.append(f"Nobody was on the line: the caller is called back, attempt {decision.callback}.")
    why = _PREFERRED.get(decision.rule)
    if why is not None:
        said.append(f"Agent {agent_id} went first because they {why}.")
    else:
        said.append(f"Agent {agent_id} was first of {decision.eligible} by {', then '.join(decision.rank_by)}.")
        for reason, other in decision.preferred.items():
            if other != agent_id:
                said.append(f"Agent {other} {_PREFERRED[reason]}, but could not take it at that moment.")
    said += [f"{candidate.agent_id}: {standing(candidate, decision)}." for candidate in decision.candidates]
    said += [f"{count} more: {reason_of(label)}." for label, count in decision.left_out.items()]
    return said


def standing(candidate: Candidate, decision: Decision) -> str:
    """One agent's part in it."""
    named = zip(decision.rank_by, candidate.scores, strict=False)
    scores = ", ".join(_CRITERIA[name].format(score) for name, score in named if name in _CRITERIA)
    if candidate.why_not:
        return reason_of(candidate.why_not)
    return f"rank {candidate.rank}" + (f" ({scores})" if scores else "")


def reason_of(label: str) -> str:
    """What kept an agent from an offer."""
    kind, _, what = label.partition(":")
    if kind == "state":
        return f"was {_STATES.get(what, what)}"
    if kind == "presence":
        return f"could not be reached ({what})"
    return f"lacked the skill {what}" if kind == "skill" else _REASONS.get(label, label)
