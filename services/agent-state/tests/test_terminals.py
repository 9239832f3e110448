"""Where an offer goes, and how many contacts an agent may have."""

import msgspec
import pytest

from callstream.contracts.config import Agent, Settings
from callstream.contracts.states import AnswerOnMobile, Channel, Presence, Terminal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain.terminal import terminal_of

from .story import Story

MOBILE = "+8613900000001"
ON, SUSPECT, OFF = Presence.ONLINE, Presence.SUSPECT, Presence.OFFLINE
NEVER, ALWAYS, WHEN_OFFLINE = AnswerOnMobile.NEVER, AnswerOnMobile.ALWAYS, AnswerOnMobile.WHEN_OFFLINE


def document(when: AnswerOnMobile = NEVER, **more: object) -> Agent:
    fields = {"id": "1005", "name": "A", "email": "a@b", "sip_user": "1005", "answer_on_mobile": when, "mobile": MOBILE}
    return msgspec.convert({**fields, **more}, Agent)


@pytest.mark.feature("F034", "F042", "F059", "F060", "F061")
@pytest.mark.parametrize(
    ("terminal", "when", "presence", "goes_to"),
    [
        ("desk-phone", NEVER, ON, "desk-phone"),
        ("desk-phone", NEVER, SUSPECT, None),
        ("desk-phone", NEVER, OFF, None),
        ("browser", NEVER, ON, "browser"),
        ("browser", NEVER, SUSPECT, None),
        ("mobile", NEVER, ON, "mobile"),
        ("mobile", NEVER, SUSPECT, "mobile"),
        ("mobile", NEVER, OFF, "mobile"),
        ("desk-phone", ALWAYS, ON, "mobile"),
        ("browser", ALWAYS, SUSPECT, "mobile"),
        ("browser", ALWAYS, OFF, "mobile"),
        ("browser", WHEN_OFFLINE, ON, "browser"),
        ("desk-phone", WHEN_OFFLINE, ON, "desk-phone"),
        ("browser", WHEN_OFFLINE, SUSPECT, "mobile"),
        ("browser", WHEN_OFFLINE, OFF, "mobile"),
    ],
)
def test_where_an_offer_goes(terminal: str, when: AnswerOnMobile, presence: Presence, goes_to: str | None) -> None:
    story = Story()
    story.document = document(when)
    story.sign_in(terminal=terminal, session="tab")
    found = terminal_of(story.agent, story.document, presence)
    assert (found.terminal if found else None) == goes_to
    assert (found.address if found else "") == (MOBILE if goes_to == "mobile" else "")


def test_the_reservation_tells_the_terminal_and_the_log_keeps_it() -> None:
    story = Story()
    story.document = document(ALWAYS)
    story.sign_in()
    story.reserve()
    assert (story.last().terminal, story.last().address) == ("mobile", MOBILE)
    again = story.restarted().agent
    assert (again.ring_terminal, again.ring_address) == (Terminal.MOBILE, MOBILE)


def test_the_sign_in_uses_the_agents_own_terminal_unless_it_names_another() -> None:
    story = Story()
    story.document = document(terminal="browser")
    story.sign_in()
    assert story.agent.terminal is Terminal.BROWSER
    story.sign_out()
    story.sign_in(terminal="desk-phone")
    assert story.agent.terminal is Terminal.DESK_PHONE


@pytest.mark.feature("F061")
@pytest.mark.parametrize("terminal", ["mobile", "fax"])
def test_a_terminal_that_the_agent_does_not_have_is_refused(terminal: str) -> None:
    story = Story()
    with pytest.raises(Refusal) as caught:
        story.sign_in(terminal=terminal)
    assert (caught.value.reason, caught.value.field, story.told) == (Reason.INVALID, "terminal", [])


@pytest.mark.feature("F047")
@pytest.mark.parametrize("mobile", ["13900000001", "+0123", "+", "+86 139", ""])
def test_a_mobile_number_is_e164(mobile: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="mobile"):
        document(mobile=mobile)


def test_answering_on_mobile_needs_a_number() -> None:
    with pytest.raises(msgspec.ValidationError, match="answer_on_mobile needs a bound mobile number"):
        document(ALWAYS, mobile=None)


# capacity


def chatting(own: dict[str, int] | None = None, tenants: dict[Channel, int] | None = None) -> Story:
    story = Story(Settings(capacity=tenants if tenants is not None else {Channel.CHAT: 2}))
    story.document = document(capacity=own or {})
    story.sign_in(session="tab")
    return story


@pytest.mark.feature("F049")
def test_at_the_limit_no_new_contact_is_assigned() -> None:
    story = chatting()
    assert story.reserve("a", channel="chat")
    assert not story.reserve("a", channel="chat"), "the same contact takes one place"
    assert story.reserve("b", channel="chat")
    with pytest.raises(Refusal) as caught:
        story.reserve("c", channel="chat")
    assert (caught.value.reason, caught.value.field) == (Reason.AT_CAPACITY, "channel")
    assert story.release("a")
    assert story.reserve("c", channel="chat")
    assert set(story.restarted().agent.contacts) == {"b", "c"}


@pytest.mark.feature("F049")
@pytest.mark.parametrize(
    ("own", "tenants", "fits"),
    [({}, {}, 0), ({}, {Channel.CHAT: 3}, 3), ({"chat": 1}, {Channel.CHAT: 3}, 1), ({"chat": 0}, {Channel.CHAT: 3}, 0)],
)
def test_the_agents_own_limit_goes_before_the_tenants(own: dict[str, int], tenants: dict[Channel, int], fits: int) -> None:
    story = chatting(own, tenants)
    for number in range(fits):
        assert story.reserve(f"c{number}", channel="chat")
    with pytest.raises(Refusal, match="at most"):
        story.reserve("one more", channel="chat")


@pytest.mark.feature("F049")
def test_other_channels_have_their_own_places_and_only_an_idle_agent_gets_any() -> None:
    story = chatting(tenants={Channel.CHAT: 1, Channel.EMAIL: 1})
    assert story.reserve("a", channel="chat")
    assert story.reserve("b", channel="email")
    assert story.reserve("o1"), "a chat keeps no call away"
    with pytest.raises(Refusal, match="ringing, not idle"):
        story.reserve("c", channel="email")


def test_signing_out_gives_all_places_back() -> None:
    story = chatting()
    story.reserve("a", channel="chat")
    story.sign_out()
    assert story.agent.contacts == {}


@pytest.mark.feature("F048")
@pytest.mark.parametrize("kind", [Settings, Agent])
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_the_limit_of_voice_cannot_be_set(kind: type[Settings] | type[Agent], limit: int) -> None:
    fields = {"id": "1005", "name": "A", "email": "a@b", "sip_user": "1005"} if kind is Agent else {}
    with pytest.raises(msgspec.ValidationError, match="fixed at 1"):
        msgspec.convert({**fields, "capacity": {"voice": limit}}, kind)


@pytest.mark.feature("F048")
def test_a_second_call_is_refused_whatever_the_configuration_says() -> None:
    story = chatting({"chat": 100})
    story.talk()
    with pytest.raises(Refusal) as caught:
        story.reserve("o2", "c2")
    assert caught.value.reason is Reason.ILLEGAL_STATE


# a workplace's phone


def test_an_agent_answers_on_the_phone_of_the_workplace_that_they_signed_in_at() -> None:
    story = Story()
    story.sign_in(extension="9001")
    story.reserve()
    assert (story.last().terminal, story.last().address) == ("desk-phone", "9001")
    assert story.restarted().agent.ring_address == "9001"


def test_signing_out_releases_the_extension() -> None:
    story = Story()
    story.sign_in(extension="9001")
    with pytest.raises(Refusal) as taken:
        story.sign_in("1006", extension="9001")
    assert (taken.value.reason, taken.value.field) == (Reason.CONFLICT, "extension")
    story.sign_out()
    assert story.agent.extension == ""
    assert story.sign_in("1006", extension="9001")
    assert story.sign_in(), "on their own phone"
    story.reserve()
    assert story.last().address == ""


def test_the_extension_goes_with_the_session_that_takes_over() -> None:
    story = Story()
    story.sign_in(session="tab-1", extension="9001")
    story.sign_in(session="tab-2", extension="9002")
    assert story.agent.extension == "9002"


def test_another_terminal_has_no_extension() -> None:
    story = Story()
    story.sign_in(session="tab-1", terminal="browser", extension="9001")
    story.reserve()
    assert (story.last().terminal, story.last().address) == ("browser", "")
