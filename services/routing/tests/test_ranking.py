"""Which agent gets a request: the group's criteria in their order, and the agents who go before all (docs/routing.md)."""

from datetime import UTC, datetime

import pytest

from callstream.contracts.config import Settings
from callstream.contracts.queue_events import Decision, OfferMade
from callstream.contracts.states import Criterion

from .story import Story

ANN = "+8613900000001"


def decision(story: Story, name: str) -> Decision:
    made = [r.event for r in story.told if isinstance(r.event, OfferMade) and r.aggregate_id == name]
    return made[-1].decision


def serve(story: Story, name: str, agent_id: str, **more: str) -> None:
    """One call for this agent alone, from request to idle again."""
    others = [seat.id for seat in story.board.seats.values() if seat.state == "idle" and seat.id != agent_id]
    for other in others:
        story.state(other, "break")
    story.idle(agent_id)
    story.request(name, **more)
    assert story.offers()[-1] == f"{name}→{agent_id}"
    story.answered(name)
    story.idle(*others, agent_id)


def rank(story: Story, *rank_by: str) -> list[str]:
    """Agents in the order of a group's criteria."""
    story.set_group("sales", rank_by=tuple(Criterion(name) for name in rank_by))
    return [str(key[-1]) for key in story.board.group("sales").plain.free]


@pytest.mark.feature("F120")
def test_fewest_calls_answered_today_and_a_tie_goes_to_the_longest_idle() -> None:
    story = Story(sales=["1001", "1002", "1003"])
    story.set_group("sales", rank_by=(Criterion.FEWEST_CALLS,))
    for number in range(2):
        serve(story, f"a{number}", "1001")
    serve(story, "b", "1002")
    story.state("1003", "break")
    story.idle("1003")  # no call, shortest idle
    story.request("r1")
    assert story.offers()[-1] == "r1→1003"
    assert [(c.agent_id, c.scores[0]) for c in decision(story, "r1").candidates] == [("1003", 0), ("1002", 1), ("1001", 2)]
    story.answered("r1")
    story.idle("1003")
    story.request("r2")  # 1002 and 1003 have one each
    assert story.offers()[-1] == "r2→1002"


@pytest.mark.feature("F120")
def test_calls_are_counted_for_the_day_of_the_tenants_time_zone_and_survive_a_restart() -> None:
    """D6."""
    story = Story(sales=["1001", "1002"])
    story.clock.set(datetime(2026, 1, 2, 10, tzinfo=UTC))  # 18:00 in Shanghai
    story.set(Settings(time_zone="Asia/Shanghai", rank_by=(Criterion.FEWEST_CALLS,)))
    serve(story, "a", "1001")
    serve(story, "b", "1001")
    story.idle("1002")
    serve(story, "c", "1002")
    assert [seat.calls(story.board.today) for seat in story.board.seats.values()] == [2, 1]
    again = story.restarted()
    assert [seat.calls(again.board.today) for seat in again.board.seats.values()] == [2, 1]
    again.request("r1")
    assert again.offers()[-1] == "r1→1002"
    again.call_ended("r1")
    again.state("1002", "break")
    again.idle("1002")
    again.clock.set(datetime(2026, 1, 2, 15, 59, 59, tzinfo=UTC))
    again.react()
    assert [str(key[-1]) for key in again.board.group("sales").plain.free] == ["1002", "1001"]
    again.clock.set(datetime(2026, 1, 2, 16, tzinfo=UTC))  # midnight in Shanghai
    again.react()
    assert [str(key[-1]) for key in again.board.group("sales").plain.free] == ["1001", "1002"]


@pytest.mark.feature("F121", "F158")
def test_priority_in_the_group_one_is_the_highest_and_a_tie_goes_to_the_longest_idle() -> None:
    """D1."""
    story = Story(sales=["1001", "1002", "1003", "1004"], support=["1003"])
    for agent_id, priorities in (("1001", {"sales": 5}), ("1003", {"sales": 1, "support": 5}), ("1004", {"sales": 1})):
        story.set_agent(agent_id, priorities=priorities)
    story.idle("1001", "1002", "1004", "1003")
    assert rank(story, "agent-priority") == ["1004", "1003", "1002", "1001"]
    assert rank(story, "longest-idle") == ["1001", "1002", "1004", "1003"]


@pytest.mark.feature("F122")
def test_the_higher_level_goes_first_whatever_the_idle_time() -> None:
    story = Story(sales=["1001", "1002", "1003"])
    story.set_agent("1002", level=2)
    story.set_agent("1003", level=9)
    story.idle("1001", "1002", "1003")
    assert rank(story, "agent-level") == ["1003", "1002", "1001"]


@pytest.mark.feature("F135")
def test_who_picks_up_more_of_their_offers_goes_first() -> None:
    story = Story(sales=["1001", "1002"])
    story.set_group("sales", rank_by=(Criterion.ANSWER_RATE,))
    story.idle("1001")
    story.request("rings-out")
    story.later(30)
    story.state("1001", "idle")
    story.call_ended("rings-out")
    story.state("1001", "idle")
    story.later(60)
    story.idle("1002")
    story.request("r1")
    assert story.offers()[-1] == "r1→1002"
    assert [(c.agent_id, c.scores[0]) for c in decision(story, "r1").candidates] == [("1002", 1000), ("1001", 0)]


def test_criteria_count_in_their_order_and_longest_idle_closes_every_list() -> None:
    story = Story(sales=["1001", "1002", "1003", "1004"])
    for agent_id, level, priority in (("1001", 1, 3), ("1002", 1, 1), ("1003", 2, 3), ("1004", 1, 1)):
        story.set_agent(agent_id, level=level, priorities={"sales": priority})
    story.idle("1004", "1003", "1002", "1001")
    assert rank(story, "agent-level", "agent-priority") == ["1003", "1004", "1002", "1001"]
    assert rank(story, "agent-priority", "agent-level") == ["1004", "1002", "1003", "1001"]
    story.request("r1")
    record = decision(story, "r1")
    assert (record.rule, record.rank_by) == ("agent-priority", ("agent-priority", "agent-level", "longest-idle"))
    assert [(c.agent_id, *c.scores) for c in record.candidates] == [
        ("1004", 1, 1, 4),
        ("1002", 1, 1, 2),
        ("1003", 3, 2, 3),
        ("1001", 3, 1, 1),
    ]


@pytest.mark.feature("F177")
def test_a_group_without_a_list_ranks_as_the_settings_say() -> None:
    story = Story(sales=["1001", "1002"])
    story.set_agent("1002", level=1)
    story.idle("1001", "1002")
    story.set(Settings(rank_by=(Criterion.AGENT_LEVEL,)))
    assert [str(key[-1]) for key in story.board.group("sales").plain.free] == ["1002", "1001"]
    assert rank(story, "longest-idle") == ["1001", "1002"]


@pytest.mark.feature("F123")
@pytest.mark.parametrize("switch", ["settings", "group"])
def test_the_last_agent_goes_first_if_able_to_take_it_now(switch: str) -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001")
    serve(story, "before", "1002", caller=ANN)
    story.request("off", caller=ANN)
    assert story.offers()[-1] == "off→1001"  # the switch is off: longest idle
    story.call_ended("off")
    story.state("1001", "idle")
    if switch == "settings":
        story.set(Settings(last_agent_first=True))
    else:
        story.set_group("sales", last_agent_first=True)
    story.state("1002", "break")
    story.idle("1002")
    story.request("on", caller=ANN)
    assert story.offers()[-1] == "on→1002"
    record = decision(story, "on")
    assert (record.rule, record.preferred) == ("last-agent", {"last-agent": "1002"})
    story.request("other", caller="+8613900000009")
    assert story.offers()[-1] == "other→1001"
    story.call_ended("other")
    story.request("again", caller=ANN)  # 1002 rings: nobody waits for them
    story.state("1001", "idle")
    assert story.offers()[-1] == "again→1001"
    assert decision(story, "again").preferred == {"last-agent": "1002"}


def test_a_group_may_refuse_what_the_settings_say_of_the_last_agent() -> None:
    story = Story(sales=["1001", "1002"])
    story.set(Settings(last_agent_first=True))
    story.set_group("sales", last_agent_first=False)
    story.idle("1001")
    serve(story, "before", "1002", caller=ANN)
    story.request("r1", caller=ANN)
    assert story.offers()[-1] == "r1→1001"


@pytest.mark.feature("F123", "F131")
def test_a_preferred_agent_who_let_it_ring_is_not_preferred_again() -> None:
    story = Story(sales=["1001", "1002"])
    story.set(Settings(last_agent_first=True))
    serve(story, "before", "1002", caller=ANN)
    story.idle("1001")
    story.request("r1", caller=ANN)
    assert story.offers()[-1] == "r1→1002"
    story.later(30)
    story.state("1002", "idle")
    assert story.offers()[-1] == "r1→1001"


def test_a_preferred_agent_of_another_group_or_disabled_one_takes_nothing() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set(Settings(last_agent_first=True))
    serve(story, "before", "1002", group="support", caller=ANN)
    story.idle("1001")
    story.request("r1", "sales", caller=ANN)
    assert story.offers()[-1] == "r1→1001"
    story.request("r2", "sales", also_groups=("support",), caller=ANN)
    assert story.offers()[-1] == "r2→1002"
    assert decision(story, "r2").group_id == "support"


def test_the_agent_that_the_request_names_goes_before_the_last_agent() -> None:
    """D10."""
    story = Story(sales=["1001", "1002", "1003"])
    story.set(Settings(last_agent_first=True))
    story.idle("1001", "1003")
    serve(story, "before", "1002", caller=ANN)
    story.request("r1", caller=ANN, preferred_agent="1003")
    assert story.offers()[-1] == "r1→1003"
    assert decision(story, "r1").preferred == {"preferred-agent": "1003", "last-agent": "1002"}


@pytest.mark.parametrize(("seconds", "agent_id"), [(3 * 86400 - 4, "1002"), (3 * 86400 + 1, "1001")])
def test_who_was_called_calls_back_within_three_days_to_the_second(seconds: int, agent_id: str) -> None:
    """The routing's part of F132: the flow is not skipped here."""
    story = Story(sales=["1001", "1002", "1003"])
    story.dialled("1002", ANN)
    story.later(seconds)
    story.idle("1001", "1002", "1003")
    story.request("r1", caller=ANN, preferred_agent="1003" if agent_id == "1002" else "")
    assert story.offers()[-1] == f"r1→{agent_id}"


@pytest.mark.feature("F131")
def test_another_group_lends_an_agent_only_to_whose_turn_it_is_there() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set_group("sales", level=1)
    story.idle("1001")
    story.request("both", "sales", also_groups=("support",))
    story.paused = True
    story.later(30)
    story.paused = False
    story.react()  # rang out at 1001
    story.request("urgent", "support", priority=9)
    story.paused = True
    story.state("1001", "idle")
    story.state("1002", "idle")
    story.paused = False
    story.react()
    assert story.offers()[1:] == ["both→1001", "urgent→1002"], "1002 is for who stands first in support"


@pytest.mark.feature("F131")
def test_another_group_lends_an_agent_before_the_same_one_is_asked_again() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set_group("sales", level=1)
    story.idle("1001")
    story.request("both", "sales", also_groups=("support",))
    story.paused = True
    story.later(30)
    story.paused = False
    story.react()
    story.paused = True
    story.state("1001", "idle")
    story.state("1002", "idle")
    story.paused = False
    story.react()
    assert story.offers()[1:] == ["both→1002"]


@pytest.mark.feature("F123", "F131")
def test_a_preferred_agent_who_is_idle_again_is_not_asked_twice() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1002")
    story.request("r1", preferred_agent="1002")
    assert story.offers() == ["r1→1002"]
    story.paused = True
    story.later(30)
    story.idle("1001")
    story.state("1002", "idle")
    story.paused = False
    story.react()
    assert story.offers() == ["r1→1002", "r1→1001"]
