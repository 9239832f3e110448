"""An agent who is offered a callback: rings, is busy while the customer is called, and wraps up only when they talked."""

import pytest

from .story import Story, do, holds


def rings() -> Story:
    story = Story()
    do(story, [("sign_in",), ("reserve", "o1", "b1"), ("called_back",), ("offer_made", "o1", "b1"), ("leg_started", "o1", "b1")])
    return story


def test_they_wrap_up_a_talk() -> None:
    story = rings()
    assert story.state == "ringing"
    do(story, [("answered", "o1", "b1"), ("reached", "b1"), ("over", "b1")])
    assert story.path() == ["idle", "ringing", "busy", "wrap-up"]


def test_a_customer_who_was_not_reached_leaves_nothing_to_wrap_up() -> None:
    story = rings()
    do(story, [("answered", "o1", "b1"), ("over", "b1")])
    assert story.path() == ["idle", "ringing", "busy", "idle"]
    assert story.last().cause == "not-reached"


@pytest.mark.parametrize("gone", [("offer_made", "o2", "c2"), ("sign_out",), ("seconds", 4)])
def test_the_beginning_of_its_call_takes_nobody(gone: tuple[object, ...]) -> None:
    """The reservation may have expired meanwhile: only the offer counts."""
    story = Story()
    do(story, [("sign_in",), ("reserve", "o1", "b1")])
    do(story, [gone])
    before = story.path()
    story.called_back()
    assert story.path() == before


def test_a_lost_gateway_ends_it() -> None:
    story = rings()
    story.answered("o1", "b1")
    story.seconds(6, truth=None)
    assert (story.state, story.mended) == ("idle", ["gateway-lost"])


def test_what_the_gateway_holds_is_what_the_log_says() -> None:
    story = rings()
    story.seconds(6, truth=[holds("b1", "o1")])
    story.answered("o1", "b1")
    story.seconds(6, truth=[holds("b1", "o1", answered=True)])
    assert (story.state, story.mended) == ("busy", [])
