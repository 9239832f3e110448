"""A desk phone consults on its second line and transfers with its own keys, heard at every far end."""

import pytest

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.sip.dialog import Dialog

from .controls import COLLEAGUE_HZ, MUSIC_HZ, OUTSIDE, colleague, controls, hears, outside, own_music, until
from .house import AGENT_HZ, CALLER_HZ, House
from .lines import Line, hold, refer, told, workplace
from .phone import Phone
from .test_survival import restart, talk

__all__ = ["told"]

Told = list[tuple[Dialog, str]]
TRYING, DONE = "SIP/2.0 100 Trying", "SIP/2.0 200 OK"


async def asking(house: House) -> tuple[Phone, Phone, Line, Phone, str]:
    """Caller (held), agent, the agent's second line, and the colleague's phone that rings."""
    await own_music(house)
    caller, agent, call_id = await talk(house)
    other = await colleague(house)
    await hold(agent.dialog)
    await hears(caller, MUSIC_HZ)
    line = Line(agent, house)
    line.dial(house, "1002")
    wanted = await house.event(control.AgentWanted)
    assert (wanted.agent_id, wanted.target_agent_id) == ("1001", "1002")
    await house.offer(call_id, "1002", request_id=wanted.request_id)
    await other.until("invited")
    await line.until("ringing")
    return caller, agent, line, other, call_id


async def consulting(house: House) -> tuple[Phone, Phone, Line, Phone, str]:
    """The same, when the colleague has picked up."""
    caller, agent, line, other, call_id = await asking(house)
    other.pick_up()
    await line.until("answered")
    await hears(line, COLLEAGUE_HZ)
    await hears(other, AGENT_HZ)
    await hears(caller, MUSIC_HZ)
    return caller, agent, line, other, call_id


@pytest.mark.parametrize("which", ["the customer's", "the colleague's"])
async def test_an_attended_transfer_by_the_phones_own_keys(open_house: House, told: Told, which: str) -> None:
    house = open_house
    caller, agent, line, other, call_id = await consulting(house)
    assert (await controls(house, call_id))[0] == "calling"
    await hold(line.dialog)
    await hears(other, MUSIC_HZ)
    first, second = (agent, line) if which == "the customer's" else (line, agent)
    asked = first.dialog
    assert await refer(asked, f"sip:1002@{house.hop.host}", replaces=second.dialog) == 202
    await agent.until(("ended", "bye"))
    await line.until(("ended", "bye"))
    assert told == [(asked, TRYING), (asked, DONE)]
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    moved = await house.event(control.CallTransferred)
    assert (moved.how, moved.agent_id, moved.to_agent_id) == ("consult", "1001", "1002")
    other.hang_up()
    await caller.until(("ended", "bye"))
    await house.event(call.RecordingReady, times=2)
    assert house.story(call_id).count("leg-ended") + house.story(call_id).count("ended") >= 2
    started = [r.event for r in house.log if isinstance(r.event, call.LegStarted)]
    assert [leg.agent_id for leg in started] == ["1001", "1002"], "the log does not hear of the second line"


async def test_the_line_is_hung_up_and_the_customer_taken_back(open_house: House) -> None:
    house = open_house
    caller, agent, line, other, call_id = await consulting(house)
    line.hang_up()
    await other.until(("ended", "bye"))
    await hears(caller, MUSIC_HZ)
    assert (await controls(house, call_id))[0] == "held"
    await hold(agent.dialog, on=False)
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)


async def test_the_agent_goes_between_the_two_calls(open_house: House) -> None:
    house = open_house
    caller, agent, line, other, _ = await consulting(house)
    await hold(line.dialog)
    await hold(agent.dialog, on=False)
    await hears(other, MUSIC_HZ)
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)
    await hold(agent.dialog)
    await hold(line.dialog, on=False)
    await hears(caller, MUSIC_HZ)
    await hears(other, AGENT_HZ)


async def test_a_phone_that_gives_up_before_the_answer_stops_the_ringing(open_house: House) -> None:
    house = open_house
    caller, agent, line, other, _ = await asking(house)
    assert line.calling is not None
    line.calling.cancel()
    await line.until(("failed", 487))
    await other.until("cancelled")
    assert (await house.event(control.ConsultEnded)).how == "cancelled"
    await hears(caller, MUSIC_HZ)
    await hold(agent.dialog, on=False)
    await hears(caller, AGENT_HZ)


async def test_an_outside_party_is_asked_and_a_killed_signalling_changes_nothing(open_house: House, told: Told) -> None:
    """Killed while the phone waits for the answer, and again while it talks."""
    house = open_house
    await own_music(house)
    caller, agent, call_id = await talk(house)
    other = await outside(house)
    await hold(agent.dialog)
    line = Line(agent, house)
    line.dial(house, "13700000001")
    await other.until("invited")
    await line.until("ringing")
    assert other.calls[0].request_uri.user == OUTSIDE
    assert other.calls[0].max_forwards < 70
    await restart(house)
    other.pick_up()
    await line.until("answered")
    await hears(other, AGENT_HZ)
    await hears(line, COLLEAGUE_HZ)
    await hears(caller, MUSIC_HZ)
    await restart(house)
    assert (await controls(house, call_id))[0] == "calling"
    asked = agent.dialog
    assert await refer(asked, f"sip:x@{house.hop.host}", replaces=line.dialog) == 202
    await agent.until(("ended", "bye"))
    await line.until(("ended", "bye"))
    assert told == [(asked, TRYING), (asked, DONE)]
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    other.hang_up()
    await caller.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.EXTERNAL_HUNG_UP


async def test_the_next_process_knows_the_phone_that_calls(open_house: House) -> None:
    house = open_house
    _, agent, _ = await talk(house)
    await until((house.folder / "gateway" / "registrations.json").exists)
    await restart(house)
    line = Line(agent, house)
    line.dial(house, "1002")
    assert (await house.event(control.AgentWanted)).agent_id == "1001"


async def test_an_outside_party_that_is_busy_is_told_to_the_phone(open_house: House) -> None:
    house = open_house
    caller, agent, _ = await talk(house)
    other = await outside(house)
    other.when_called = lambda invited: invited.reject(486)
    line = Line(agent, house)
    line.dial(house, "13700000001")
    await line.until(("failed", 486))
    await hears(caller, AGENT_HZ)
    assert (await house.event(control.ConsultEnded)).reason is Reason.BUSY


REFUSED = [
    ("a destination that is closed", "+12125550100", 403),
    ("no number at all", "nobody", 404),
    ("no trunk that takes it", "13700000001", 503),
    ("somebody in the call", "1001", 404),
]


@pytest.mark.parametrize(("why", "number", "code"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_whom_an_agent_may_not_call_from_the_phone(open_house: House, why: str, number: str, code: int) -> None:
    house = open_house
    caller, agent, call_id = await talk(house)
    line = Line(agent, house)
    line.dial(house, number)
    await line.until(("failed", code))
    await hears(caller, AGENT_HZ)
    assert (await controls(house, call_id))[0] == "talking"
    assert set(house.gateway.switchboard.calls[call_id].phones) == set(house.gateway.switchboard.calls[call_id].call.legs) - {
        f"{call_id}-c"
    }


async def test_at_a_workplace_whoever_talks_there_consults_on_its_phone(open_house: House) -> None:
    """The phone is nobody's by its credential."""
    house = open_house
    await own_music(house)
    user = await workplace(house)
    desk, other = await house.phone(AGENT_HZ), await colleague(house)
    await desk.register(user, "secret", house.hop)
    line = Line(desk, house)
    caller = await house.caller()
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    await house.offer(call_id, address=user)
    await desk.until("invited")
    desk.pick_up()
    await hears(caller, AGENT_HZ)
    line.dial(house, "1002", user)
    wanted = await house.event(control.AgentWanted)
    assert (wanted.agent_id, wanted.target_agent_id) == ("1001", "1002")
    await house.offer(call_id, "1002", request_id=wanted.request_id)
    await other.until("invited")
    other.pick_up()
    await line.until("answered")
    await hears(line, COLLEAGUE_HZ)


async def test_while_the_phone_consults_a_further_call_is_busy(open_house: House) -> None:
    house = open_house
    _, agent, line, _, _ = await consulting(house)
    third = Line(agent, house)
    third.dial(house, "1003")
    await third.until(("failed", 486))
    await hears(line, COLLEAGUE_HZ)


async def test_a_phone_with_a_wrong_password_holds_nothing(open_house: House) -> None:
    house = open_house
    _, agent, call_id = await talk(house)
    held = dict(house.gateway.user_agent.held())
    line = Line(agent, house)
    line.dial(house, "1002", password="guess")
    await line.until(("failed", 401))
    counters = house.gateway.user_agent.counters
    assert (counters["challenged"], counters["calls_in"]) == (2, 1)
    assert house.gateway.user_agent.held()["dialogs"] == held["dialogs"]
    assert "consult-started" not in house.story(call_id)


async def test_a_phone_says_who_it_is_and_is_believed_only_from_where_it_registered(open_house: House) -> None:
    """127.0.0.1 is a trunk's address too: what is not the phone's own socket is the trunk's call, of a number nobody has."""
    house = open_house
    await talk(house)
    stranger = await house.phone(AGENT_HZ)
    line = Line(stranger, house)
    line.dial(house, "1002")
    await line.until(("failed", 404))
    assert house.gateway.user_agent.counters["challenged"] == 0


async def test_a_transfer_key_names_a_call_of_somebody_elses(open_house: House, told: Told) -> None:
    house = open_house
    caller, agent, _, other, _ = await consulting(house)
    assert await refer(agent.dialog, "sip:x@y?Replaces=nobody%3Bto-tag%3D1%3Bfrom-tag%3D2") == 603, "nobody has that call"
    for times, not_its_own in enumerate((other.dialog, caller.dialog, agent.dialog), 1):
        assert await refer(agent.dialog, "sip:x@y", replaces=not_its_own) == 202
        await until(lambda: len(told) == 2 * times)  # noqa: B023 - waited for here
        assert [line for _, line in told[-2:]] == [TRYING, "SIP/2.0 481 Call/Transaction Does Not Exist"]
    await hears(caller, MUSIC_HZ)


@pytest.mark.parametrize(
    ("to", "last"), [("1002", DONE), ("nobody", "SIP/2.0 404 Not Found"), ("+12125550100", "SIP/2.0 403 Forbidden")]
)
async def test_a_blind_transfer_is_told_how_it_goes(open_house: House, told: Told, to: str, last: str) -> None:
    house = open_house
    await own_music(house)
    caller, agent, call_id = await talk(house)
    assert await refer(agent.dialog, f"sip:{to}@{house.hop.host}") == 202
    await until(lambda: len(told) == 2)
    assert [line for _, line in told] == [TRYING, last]
    if last == DONE:
        await agent.until(("ended", "bye"))
        await hears(caller, MUSIC_HZ)
    else:
        assert (await controls(house, call_id))[0] == "talking"


async def test_a_phone_that_wants_no_word_of_its_transfer_gets_the_bye_only(open_house: House, told: Told) -> None:
    house = open_house
    caller, agent, _ = await talk(house)
    assert await refer(agent.dialog, f"sip:1002@{house.hop.host}", Refer_Sub="false") == 202
    await agent.until(("ended", "bye"))
    assert told == []
    assert caller.story.count(("ended", "bye")) == 0


async def test_a_customers_transfer_key_does_nothing(open_house: House, told: Told) -> None:
    house = open_house
    caller, agent, _ = await talk(house)
    assert await refer(caller.dialog, f"sip:1002@{house.hop.host}") == 202
    await until(lambda: len(told) == 2)
    assert told[-1][1] == "SIP/2.0 603 Decline"
    await hears(agent, CALLER_HZ)
