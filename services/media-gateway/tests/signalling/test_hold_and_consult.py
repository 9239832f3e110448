"""Hold, mute, consultation and a talk of three, heard at every far end."""

from collections.abc import Callable

import pytest

from callstream.contracts import call_commands as cmd
from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.kernel.outcomes import Reason

from .controls import (
    COLLEAGUE_HZ,
    MUSIC_HZ,
    OUTSIDE,
    ask,
    colleague,
    controls,
    do_it,
    hears,
    longest_silence_ms,
    outside,
    own_music,
)
from .house import AGENT_HZ, CALLER_HZ, House
from .phone import Phone
from .test_survival import talk

Note = Callable[[str, object], None]


@pytest.mark.feature("F013")
async def test_a_held_customer_hears_music_until_retrieved(open_house: House, record_property: Note) -> None:
    house = open_house
    await own_music(house)
    caller, agent, call_id = await talk(house)
    assert (await ask(house, cmd.Hold, call_id, "1002")).reason is Reason.ILLEGAL_STATE
    for period in (1, 2):
        await do_it(house, cmd.Hold, call_id)
        await hears(caller, MUSIC_HZ)
        await hears(agent)
        await house.event(control.CallHeld, times=period)
        assert (await controls(house, call_id))[0] == "held"
        caller.ears.forget()
        await do_it(house, cmd.Retrieve, call_id)
        await hears(caller, AGENT_HZ)
        await hears(agent, CALLER_HZ)
        record_property(f"silence_at_retrieve_{period}_ms", longest_silence_ms(caller.ears))
    await house.event(control.CallRetrieved, times=2)
    agent.hang_up()
    await caller.until(("ended", "bye"))


async def test_without_music_of_its_own_a_tenant_has_the_gateways(open_house: House) -> None:
    caller, _, call_id = await talk(open_house)
    await do_it(open_house, cmd.Hold, call_id)
    await caller.ears.until(lambda ears: ears.heard_tone((261.6, AGENT_HZ)) == 261.6)


@pytest.mark.feature("F014")
async def test_a_muted_agent_is_not_heard_and_hears(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    assert (await ask(open_house, cmd.Mute, call_id, "1002")).reason is Reason.ILLEGAL_STATE
    await do_it(open_house, cmd.Mute, call_id)
    await hears(caller)
    await hears(agent, CALLER_HZ)
    assert "unmute" in (await controls(open_house, call_id))[1]
    await do_it(open_house, cmd.Unmute, call_id)
    await hears(caller, AGENT_HZ)


async def consult(house: House, call_id: str, other: Phone, times: int = 1) -> None:
    """1001 asks 1002, who picks up."""
    await do_it(house, cmd.Consult, call_id, target_agent_id="1002")
    wanted = await house.event(control.AgentWanted, times=times)
    await house.offer(call_id, "1002", request_id=wanted.request_id)
    await other.until("invited", times)
    other.ears.forget()
    other.pick_up()
    await hears(other, AGENT_HZ)


async def consulting(house: House) -> tuple[Phone, Phone, Phone, str]:
    """Caller (held), agent and colleague, who talk."""
    await own_music(house)
    caller, agent, call_id = await talk(house)
    other = await colleague(house)
    await consult(house, call_id, other)
    await hears(agent, COLLEAGUE_HZ)
    await hears(caller, MUSIC_HZ)
    return caller, agent, other, call_id


@pytest.mark.feature("F016")
async def test_a_consultation_is_cancelled_and_another_one_completed(open_house: House, record_property: Note) -> None:
    house = open_house
    caller, agent, other, call_id = await consulting(house)
    assert (await ask(house, cmd.Consult, call_id, target_agent_id="1002")).reason is Reason.ILLEGAL_STATE
    await do_it(house, cmd.CancelConsult, call_id)
    await other.until(("ended", "bye"))
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)
    assert (await house.event(control.ConsultEnded)).how == "cancelled"
    assert (await ask(house, cmd.CompleteTransfer, call_id)).reason is Reason.ILLEGAL_STATE

    await consult(house, call_id, other, times=2)
    caller.ears.forget()
    await do_it(house, cmd.CompleteTransfer, call_id)
    await agent.until(("ended", "bye"))
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    record_property("silence_at_transfer_ms", longest_silence_ms(caller.ears))
    moved = await house.event(control.CallTransferred)
    assert (moved.how, moved.to_agent_id) == ("consult", "1002")
    assert (await house.event(call.LegEnded, agent_id="1001")).reason is Reason.NORMAL
    other.hang_up()
    await caller.until(("ended", "bye"))
    await house.event(call.RecordingReady, times=2)


@pytest.mark.feature("F017")
async def test_an_outside_party_is_asked_in_vain_and_then_takes_the_customer(open_house: House) -> None:
    house = open_house
    await own_music(house)
    caller, agent, call_id = await talk(house)
    other = await outside(house)
    assert (await ask(house, cmd.Consult, call_id, number="+12125550100")).reason is Reason.FORBIDDEN
    for times in (1, 2):
        await do_it(house, cmd.Consult, call_id, number=OUTSIDE)
        await hears(caller, MUSIC_HZ)
        await other.until("invited", times)
        other.ears.forget()
        other.pick_up()
        await hears(other, AGENT_HZ)
        await hears(agent, COLLEAGUE_HZ)
        if times == 1:
            await do_it(house, cmd.CancelConsult, call_id)
            await other.until(("ended", "bye"))
            await hears(caller, AGENT_HZ)
    await do_it(house, cmd.CompleteTransfer, call_id)
    await agent.until(("ended", "bye"))
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    other.hang_up()
    await caller.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.EXTERNAL_HUNG_UP


@pytest.mark.feature("F022")
async def test_three_talk_and_one_may_go(open_house: House) -> None:
    house = open_house
    caller, agent, other, call_id = await consulting(house)
    await do_it(house, cmd.Join, call_id)
    await hears(caller, AGENT_HZ, COLLEAGUE_HZ)
    await hears(agent, CALLER_HZ, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ, AGENT_HZ)
    assert (await controls(house, call_id, "1002")) == ("joined", ["mute", "leave", "agent-hang-up"])
    refused = await ask(house, cmd.Consult, call_id, target_agent_id="1003")
    assert refused.reason is Reason.ILLEGAL_STATE
    agent.hang_up()
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    left = await house.event(control.PartyLeft)
    assert left.agent_id == "1001"
    other.hang_up()
    await caller.until(("ended", "bye"))


@pytest.mark.feature("F021")
async def test_an_outside_party_is_consulted_joined_and_dropped(open_house: House) -> None:
    house = open_house
    await own_music(house)
    caller, agent, call_id = await talk(house)
    other = await outside(house)
    await do_it(house, cmd.Consult, call_id, number=OUTSIDE)
    await other.until("invited")
    other.ears.forget()
    other.pick_up()
    await hears(agent, COLLEAGUE_HZ)
    await hears(caller, MUSIC_HZ)
    await do_it(house, cmd.Join, call_id)
    await hears(caller, AGENT_HZ, COLLEAGUE_HZ)
    assert (await ask(house, cmd.CompleteTransfer, call_id)).reason is Reason.ILLEGAL_STATE
    await do_it(house, cmd.DropParty, call_id)
    await other.until(("ended", "bye"))
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)
    assert (await house.event(control.PartyLeft)).number == OUTSIDE


async def test_a_number_that_cannot_be_dialled_leaves_the_talk_as_it_is(open_house: House) -> None:
    house = open_house
    caller, _, call_id = await talk(house)
    for number, reason in (("+12125550100", Reason.FORBIDDEN), (OUTSIDE, Reason.NO_TRUNK), ("x", Reason.INVALID)):
        refused = await ask(house, cmd.Consult, call_id, number=number)
        assert refused.reason is reason, refused
    await hears(caller, AGENT_HZ)
    assert "held" not in house.story(call_id)


async def test_the_desk_phones_own_hold_key(open_house: House) -> None:
    house = open_house
    await own_music(house)
    caller, agent, _ = await talk(house)
    dialog = agent.dialog
    assert dialog is not None
    before = dialog.local_sdp
    await dialog.reinvite(before._replace(version=before.version + 1, media=(before.media[0]._replace(direction="sendonly"),)))
    await hears(caller, MUSIC_HZ)
    assert (await house.event(control.CallHeld)).actor == ""
    await dialog.reinvite(before._replace(version=before.version + 2))
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)
    assert (await house.event(control.CallRetrieved)).actor == ""
