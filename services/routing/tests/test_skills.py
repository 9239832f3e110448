"""Skills: who may take a request at all, and how the demand relaxes while it waits."""

import pytest

from callstream.contracts.config import SkillStep
from callstream.contracts.queue_events import Decision, OfferMade
from callstream.contracts.states import Criterion

from .story import Story


def decision(story: Story, name: str) -> Decision:
    made = [r.event for r in story.told if isinstance(r.event, OfferMade) and r.aggregate_id == name]
    return made[-1].decision


def skilled(**agents: dict[str, int]) -> Story:
    story = Story(sales=[name[1:] for name in agents])
    for name, skills in agents.items():
        story.set_agent(name[1:], skills=skills)
    return story


def test_only_who_has_every_skill_at_its_level_is_offered_the_request() -> None:
    story = skilled(a1001={}, a1002={"billing": 2}, a1003={"billing": 5}, a1004={"billing": 3, "french": 1})
    story.idle("1001", "1002", "1003", "1004")
    story.request("r1", skills={"billing": 3, "french": 1})
    assert story.offers() == ["r1→1004"]
    record = decision(story, "r1")
    assert (record.skills, record.eligible) == ({"billing": 3, "french": 1}, 1)
    assert [(c.agent_id, c.rank, c.why_not) for c in record.candidates] == [
        ("1004", 1, ""),
        ("1001", 0, "skill:billing"),
        ("1002", 0, "skill:billing"),
        ("1003", 0, "skill:french"),
    ]
    story.request("r2", skills={"billing": 3, "french": 1})
    assert story.offers() == ["r1→1004"], "nobody else is able to"
    story.request("r3")
    assert story.offers() == ["r1→1004", "r3→1001"], "and r2 holds up nobody behind it"


def test_steps_lower_and_drop_the_demand_to_the_second() -> None:
    story = skilled(a1001={"billing": 1}, a1002={"billing": 4}, a1003={})
    steps = (SkillStep(after_s=30, skills={"billing": 4}), SkillStep(after_s=60, skills={"billing": 1}), SkillStep(after_s=90))
    story.idle("1001", "1003")
    story.request("r1", skills={"billing": 5}, relax=steps)
    story.later(59.9)
    assert story.offers() == []
    story.later(0.1)
    assert story.offers() == ["r1→1001"]
    record = decision(story, "r1")
    assert (record.skills, record.relaxed) == ({"billing": 1}, 2)
    story.later(30)  # rings out at 90 s, when nothing is needed any more
    story.state("1001", "idle")
    assert story.offers() == ["r1→1001", "r1→1003"]
    assert decision(story, "r1").relaxed == 3


def test_relaxation_goes_on_after_a_restart() -> None:
    story = skilled(a1001={})
    story.idle("1001")
    story.request("r1", skills={"billing": 5}, relax=(SkillStep(after_s=30),))
    story.later(10)
    again = story.restarted()
    again.later(19.9)
    assert again.offers() == []
    again.later(0.1)
    assert again.offers() == ["r1→1001"]
    late = story.restarted()  # killed before the step, started long after it
    assert late.offers() == ["r1→1001"]


def test_ranking_by_skill_level_counts_the_skills_that_are_needed() -> None:
    story = skilled(a1001={"billing": 1, "french": 5}, a1002={"billing": 4}, a1003={"billing": 2, "french": 1})
    story.set_group("sales", rank_by=(Criterion.SKILL_LEVEL,))
    story.idle("1001", "1002", "1003")
    story.request("r1", skills={"billing": 1})
    record = decision(story, "r1")
    assert [(c.agent_id, c.scores[0]) for c in record.candidates] == [("1002", 4), ("1003", 2), ("1001", 1)]
    story.request("r2", skills={"billing": 1, "french": 1})
    assert story.offers() == ["r1→1002", "r2→1001"]


def test_the_first_of_the_line_goes_first_whatever_they_need() -> None:
    story = skilled(a1001={"billing": 3})
    story.request("plain")
    story.later(1)
    story.request("billing", skills={"billing": 1})
    story.later(1)
    story.request("urgent", priority=1, skills={"billing": 3})
    order = []
    for _ in range(3):
        story.idle("1001")
        order.append(story.offers()[-1].split("→")[0])
        story.answered(order[-1])
    assert order == ["urgent", "plain", "billing"]


def test_an_agent_who_learns_a_skill_takes_who_waits_for_it() -> None:
    story = skilled(a1001={})
    story.idle("1001")
    story.request("r1", skills={"billing": 1})
    assert story.offers() == []
    story.set_agent("1001", skills={"billing": 1})
    assert story.offers() == ["r1→1001"]


@pytest.mark.feature("F123")
def test_a_preferred_agent_needs_the_skills_too() -> None:
    story = skilled(a1001={"billing": 1}, a1002={})
    story.idle("1001", "1002")
    story.request("r1", preferred_agent="1002", skills={"billing": 1})
    assert story.offers() == ["r1→1001"]
