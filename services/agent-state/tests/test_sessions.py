"""Browser sessions: one an agent, heard or not; and who may end them."""

from datetime import timedelta

import pytest

from callstream.contracts.agent_events import AgentPresenceChanged, AgentSessionTaken
from callstream.contracts.config import Agent, Settings
from callstream.contracts.states import AnswerOnMobile, Presence
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain.presence import PRESENCE, Sign

from .story import Story, do

GRACE, LOST = Settings().session_grace_s, Settings().session_lost_s


def signed_in(document: Agent | None = None) -> Story:
    story = Story()
    story.document = document
    story.sign_in(session="tab-1")
    return story


def presences(story: Story) -> list[str]:
    return [r.event.cause for r in story.told if isinstance(r.event, AgentPresenceChanged)]


def refused(story: Story, method: str, *arguments: object, **named: object) -> Refusal:
    before = len(story.told)
    with pytest.raises(Refusal) as caught:
        getattr(story, method)(*arguments, **named)
    assert len(story.told) == before
    return caught.value


# silence


def test_a_session_that_is_heard_stays_online_for_ever() -> None:
    story = signed_in()
    story.seconds(200, beats="tab-1")
    assert (story.agent.presence, story.state, presences(story)) == (Presence.ONLINE, "idle", [])


def test_twenty_silent_seconds_sign_nobody_out() -> None:
    story = signed_in()
    story.seconds(20)
    assert (story.agent.presence, story.state) == (Presence.ONLINE, "idle")
    story.seconds(1, beats="tab-1")
    story.seconds(20)
    assert presences(story) == []


@pytest.mark.feature("F043")
def test_silence_makes_suspect_then_offline() -> None:
    story = signed_in()
    story.seconds(GRACE)
    assert (story.agent.presence, story.state) == (Presence.SUSPECT, "idle")
    assert refused(story, "reserve").reason is Reason.AGENT_UNREACHABLE
    story.seconds(LOST - 1)
    assert story.state == "idle"
    story.seconds(1)
    assert (story.agent.presence, story.state, story.last().cause) == (Presence.OFFLINE, "offline", "session-lost")
    assert story.events()[-1] == "signed-out"


def test_a_suspect_who_is_heard_again_is_offered_calls_again() -> None:
    story = signed_in()
    story.seconds(GRACE + 5)
    story.seconds(1, beats="tab-1")
    assert presences(story) == ["session-silent", "session-heard"]
    assert story.reserve()


@pytest.mark.parametrize("call", [["ring"], ["talk"]])
def test_silence_never_ends_the_session_during_a_call(call: list[str]) -> None:
    story = signed_in()
    do(story, [(name,) for name in call])
    story.seconds(GRACE + LOST + 100)
    assert story.agent.presence is Presence.SUSPECT
    assert story.state in ("ringing", "busy")
    story.call_ended()
    story.seconds(1)
    assert story.state == "offline"
    assert story.last().cause == "session-lost"


def test_a_session_without_id_is_not_watched() -> None:
    story = Story()
    story.sign_in()
    story.seconds(GRACE + LOST + 100)
    assert (story.agent.presence, story.state) == (Presence.ONLINE, "idle")


def test_our_own_pause_is_not_held_against_anybody() -> None:
    """The process stood still for longer than grace and patience together: nobody could be heard."""
    story = signed_in()
    story.seconds(5, beats="tab-1")
    story.clock.advance(GRACE + LOST + 10)
    story.seconds(GRACE)
    assert presences(story) == []
    story.seconds(1)
    assert presences(story) == ["session-silent"]


def test_a_standby_that_takes_over_gives_every_session_its_time() -> None:
    story = signed_in()
    story.seconds(GRACE - 1)
    story.sessions.look(story.clock.now() + timedelta(seconds=1), active=False)
    story.seconds(GRACE - 2)
    assert presences(story) == []


def test_a_restart_gives_every_session_its_time() -> None:
    story = signed_in()
    story.seconds(GRACE + 1)
    again = story.restarted()
    assert again.agent.presence is Presence.SUSPECT
    again.seconds(GRACE + LOST - 1)
    assert again.state == "idle"
    again.seconds(1)
    assert again.state == "offline"


def test_the_presence_table_has_a_way_out_of_everything() -> None:
    assert set(PRESENCE.rows.values()) == set(Presence)
    for presence in Presence:
        assert PRESENCE.allows(presence, Sign.SIGN_OUT)
        assert PRESENCE.allows(presence, Sign.TAKEN_OVER)
    assert not PRESENCE.allows(Presence.ONLINE, Sign.LOST), "nobody is lost without having been suspect"


# exactly one


@pytest.mark.feature("F001")
def test_a_second_sign_in_takes_over_and_the_first_session_is_refused() -> None:
    story = signed_in()
    story.talk()
    assert story.sign_in(session="tab-2")
    taken = story.told[-1].event
    assert isinstance(taken, AgentSessionTaken)
    assert (taken.previous, taken.session_id, story.state) == ("tab-1", "tab-2", "busy")
    story.leg_ended()
    for method, *arguments in (("set_state", "break", "meal"), ("sign_out",), ("end_wrap_up",)):
        refusal = refused(story, method, *arguments, session="tab-1")
        assert (refusal.reason, refusal.field) == (Reason.SESSION_TAKEN_OVER, "session_id")
    assert refused(story, "heartbeat", "tab-1").reason is Reason.SESSION_TAKEN_OVER
    assert story.end_wrap_up(session="tab-2")
    assert story.set_state("break", "meal", session="tab-2")


def test_the_first_sessions_heartbeats_do_not_keep_the_second_alive() -> None:
    story = signed_in()
    story.seconds(10, beats="tab-1")
    story.sign_in(session="tab-2")
    story.seconds(GRACE)
    assert story.agent.presence is Presence.SUSPECT


def test_the_same_session_signs_in_once() -> None:
    story = signed_in()
    assert not story.sign_in(session="tab-1")
    assert not story.sign_in()


def test_a_heartbeat_needs_a_session() -> None:
    assert refused(Story(), "heartbeat", "tab-1").reason is Reason.NOT_SIGNED_IN


# by force


@pytest.mark.feature("F164")
@pytest.mark.parametrize(
    ("steps", "at_once", "ending"),
    [
        ([], True, []),
        ([("set_state", "busy-set")], True, []),
        ([("set_state", "break", "meal")], True, []),
        ([("talk",), ("leg_ended",)], True, []),
        ([("ring",)], False, [("withdrawn",)]),
        ([("ring",)], False, [("answered",), ("call_ended",)]),
        ([("talk",)], False, [("leg_ended",)]),
        ([("talk",)], False, [("call_ended",)]),
    ],
)
def test_force_offline_cuts_no_call_and_holds_after_it(
    steps: list[tuple[str, ...]], at_once: bool, ending: list[tuple[str]]
) -> None:
    story = signed_in()
    do(story, steps)
    before = story.state
    assert story.force_offline("boss")
    if not at_once:
        assert story.state == before, "the call is not cut"
        refusal = refused(story, "set_state", "idle")
        assert (refusal.reason, "boss" in refusal.message) == (Reason.ILLEGAL_STATE, True)
        do(story, ending)
    assert (story.state, story.last().actor) == ("offline", "boss")
    assert not story.force_offline("boss"), "it is so already"
    assert story.sign_in(session="tab-1"), "the agent may come back"


def test_a_supervisors_state_waits_for_the_call_and_the_agent_cannot_replace_it() -> None:
    story = signed_in()
    story.talk()
    story.set_state("break", "meal", by="boss")
    assert refused(story, "set_state", "idle").reason is Reason.ILLEGAL_STATE
    story.leg_ended()
    assert refused(story, "end_wrap_up").reason is Reason.ILLEGAL_STATE
    story.later(10)
    assert (story.state, story.agent.reason, story.last().actor) == ("break", "meal", "boss")


def test_a_supervisors_state_of_an_idle_agent_is_said_to_be_forced() -> None:
    story = signed_in()
    story.set_state("busy-set", by="boss")
    assert (story.state, story.last().cause, story.last().actor) == ("busy-set", "forced", "boss")


def test_a_supervisor_replaces_what_another_has_forced() -> None:
    story = signed_in()
    story.talk()
    story.force_offline("boss")
    story.set_state("idle", by="chief")
    story.leg_ended()
    story.later(10)
    assert story.state == "idle"


# reached without a session


def mobile(when: AnswerOnMobile) -> Agent:
    return Agent(id="1005", name="A", email="a@b", sip_user="1005", mobile="+8613900000001", answer_on_mobile=when)


@pytest.mark.feature("F042")
def test_an_agent_on_mobile_when_offline_stays_idle_without_a_session() -> None:
    story = signed_in(mobile(AnswerOnMobile.WHEN_OFFLINE))
    story.seconds(GRACE + LOST)
    assert (story.agent.presence, story.state) == (Presence.OFFLINE, "idle")
    assert story.reserve()
    story.withdrawn()
    story.release()
    story.seconds(1, beats="tab-1")
    assert story.agent.presence is Presence.ONLINE
