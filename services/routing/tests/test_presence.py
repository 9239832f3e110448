"""Agents whose session is not heard get no offer, and stand in the decision record with the reason."""

import pytest

from callstream.contracts.agent_events import AgentPresenceChanged, AgentSessionTaken
from callstream.contracts.states import Presence

from .story import Story


def presence(story: Story, agent_id: str, presence: str, *, reachable: bool = False) -> None:
    fact = AgentPresenceChanged(presence=Presence(presence), cause="", session_id="tab", reachable=reachable)
    story.tell(fact, agent_id)


@pytest.mark.parametrize("away", ["suspect", "offline"])
def test_an_agent_who_is_not_heard_gets_no_offer_until_they_are(away: str) -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    presence(story, "1001", away)
    story.request("a")
    assert story.offers() == ["a→1002"]
    why_not = {each.agent_id: each.why_not for each in story.offer("a").decision.candidates}
    assert why_not["1001"] == f"presence:{away}"
    story.request("b")
    assert len(story.offers()) == 1
    presence(story, "1001", "online", reachable=True)
    assert story.offers()[1:] == ["b→1001"]


@pytest.mark.feature("F042")
def test_an_agent_who_answers_on_a_mobile_needs_no_session() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    presence(story, "1001", "offline", reachable=True)
    story.request("a")
    assert story.offers() == ["a→1001"]


def test_a_session_that_takes_over_is_there() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    presence(story, "1001", "suspect")
    story.tell(AgentSessionTaken(session_id="new", previous="tab", terminal="browser", actor="1001"), "1001")
    story.request("a")
    assert story.offers() == ["a→1001"]
