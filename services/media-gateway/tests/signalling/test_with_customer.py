"""Plays, keys, collections, surveys, the menu and automatic answers, heard at every far end."""

import pytest

from callstream.contracts import call_commands as cmd
from callstream.contracts import call_events as call
from callstream.contracts import commands
from callstream.contracts import control_events as control
from callstream.contracts.config import Audio, CollectTemplate, Settings, Speech, Survey
from callstream.contracts.envelope import NewEvent
from callstream.contracts.flow import End, Flow, Play, Prompts, Start
from callstream.contracts.ivr_events import IvrEnded
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.media.encode import decode_mp3
from callstream_media_gateway.media.tone import level_dbm0

from .controls import (
    COLLEAGUE_HZ,
    LOUD_DBM0,
    MUSIC,
    MUSIC_HZ,
    agent_is,
    ask,
    colleague,
    controls,
    do_it,
    hears,
    loud,
    own_music,
    until,
)
from .house import AGENT_HZ, CALLER_HZ, PROMPT_HZ, House
from .test_survival import talk

MENU = (Audio(audio_id="menu"),)


PLAYED = [(Audio(audio_id="menu"),) * 30, (Speech(text="Your parcel is on its way. " * 8),)]


@pytest.mark.feature("F024", "F025", "F217")
@pytest.mark.parametrize("prompts", PLAYED, ids=["file", "text"])
async def test_the_customer_hears_it_instead_of_the_agent_until_it_is_stopped(open_house: House, prompts: Prompts) -> None:
    house = open_house
    caller, agent, call_id = await talk(house)
    refused = await ask(house, cmd.PlayToCustomer, call_id, "1002", play_id="p9", prompts=prompts)
    assert refused.reason is Reason.ILLEGAL_STATE
    await do_it(house, cmd.PlayToCustomer, call_id, play_id="p9", prompts=prompts, actor="boss")
    await caller.ears.until(lambda ears: AGENT_HZ not in loud(ears) and level_dbm0(ears.heard(200)) > LOUD_DBM0)
    await hears(agent, CALLER_HZ)
    reply = await house.send(commands.StopPlayback, call_id=call_id, play_id="p9")
    assert reply.accepted
    await hears(caller, AGENT_HZ)
    started = await house.event(control.PlaybackStarted)
    assert (started.actor, bool(started.audio_ids), "parcel" in started.text) == ("boss", *said(prompts))
    assert (await house.event(call.PlaybackFinished, play_id="p9")).how == "stopped"


def said(prompts: Prompts) -> tuple[bool, bool]:
    """(a file, a text)"""
    return isinstance(prompts[0], Audio), isinstance(prompts[0], Speech)


@pytest.mark.feature("F030")
async def test_keys_reach_the_far_end(open_house: House) -> None:
    house = open_house
    caller, _, call_id = await talk(house)
    await do_it(house, cmd.SendDigits, call_id, digits="12#")
    await until(lambda: "".join(caller.ears.pressed) == "12#")
    assert (await house.event(control.DigitsSent)).count == 3


@pytest.mark.feature("F026")
async def test_secret_digits_are_heard_by_nobody(open_house: House) -> None:
    house = open_house
    await house.publish(CollectTemplate(id="card", name="Card", min_digits=6, max_digits=6, sensitive=True))
    await until(lambda: house.service.config.collect_template(house.tenant, "card") is not None)
    caller, agent, call_id = await talk(house)
    assert (await ask(house, cmd.CollectDigits, call_id, collection_id="c1", template_id="none")).reason is Reason.INVALID
    await do_it(house, cmd.CollectDigits, call_id, collection_id="c1", template_id="card")
    await hears(agent)
    caller.ears.press("123456")
    collected = await house.event(control.DigitsCollected)
    assert (collected.digits, collected.how) == ("**3456", "complete")
    await hears(agent, CALLER_HZ)
    assert "digit-received" not in house.story(call_id)


@pytest.mark.feature("F028")
async def test_the_customer_rates_when_the_agent_has_left(open_house: House) -> None:
    house = open_house
    caller, agent, call_id = await talk(house)
    assert (await ask(house, cmd.StartSurvey, call_id)).reason is Reason.INVALID, "none is set up"
    await house.publish(Settings(survey=Survey(prompts=MENU * 10, keys=5)))
    await until(lambda: house.service.config.settings(house.tenant).survey is not None)
    await do_it(house, cmd.StartSurvey, call_id)
    await agent.until(("ended", "bye"))
    await hears(caller, PROMPT_HZ)
    caller.ears.press("4")
    assert (await house.event(control.CallRated)).rating == 4
    await caller.until(("ended", "bye"))
    ended = await house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.NORMAL, Party.SYSTEM)


async def test_an_agent_on_a_plain_phone_holds_by_keys(open_house: House) -> None:
    house = open_house
    await own_music(house)
    caller, agent, _ = await talk(house)
    agent.ears.press("*1", pause_ms=200)
    await hears(caller, MUSIC_HZ)
    agent.ears.press("*1", pause_ms=200)
    await hears(caller, AGENT_HZ)
    await house.event(control.CallRetrieved)


@pytest.mark.feature("F029")
async def test_an_agent_on_a_plain_phone_makes_a_talk_of_three_and_transfers_by_keys(open_house: House) -> None:
    house = open_house
    other = await colleague(house)
    caller, agent, call_id = await talk(house)
    agent.ears.press("*31002#", pause_ms=200)
    wanted = await house.event(control.AgentWanted)
    await house.offer(call_id, "1002", request_id=wanted.request_id)
    await other.until("invited")
    other.pick_up()
    await hears(other, AGENT_HZ)
    agent.ears.press("*3", pause_ms=200)
    await hears(caller, AGENT_HZ, COLLEAGUE_HZ)
    agent.ears.press("*1", pause_ms=200)
    await other.until(("ended", "bye"))
    await hears(caller, AGENT_HZ)
    agent.ears.press("*21002#", pause_ms=200)
    started = await house.event(call.TransferStarted)
    assert (started.target_agent_id, started.actor) == ("1002", "1001")
    await agent.until(("ended", "bye"))


@pytest.mark.feature("F005")
async def test_an_automatic_answer_beeps_before_the_talk(open_house: House) -> None:
    house = open_house
    await agent_is(house, auto_answer=True)
    agent, caller = await house.agent(), await house.caller()
    await caller.until("ringing")
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    await house.offer(call_id)
    await agent.until("invited")
    invite = agent.calls[-1].request
    assert "answer-after=0" in invite.need("Call-Info")
    agent.pick_up()
    await agent.ears.until(lambda ears: ears.heard_tone((1000, CALLER_HZ), 100) == 1000)
    await hears(agent, CALLER_HZ)
    await hears(caller, AGENT_HZ)
    await house.event(call.CallBridged)


async def test_the_recordings_right_side_is_what_the_customer_heard(open_house: House) -> None:
    house = open_house
    await house.publish(Settings(hold_music=MUSIC))
    caller, agent, call_id = await talk(house)
    await do_it(house, cmd.Mute, call_id)
    await hears(caller)
    caller.ears.forget()
    await caller.ears.until(lambda ears: len(ears.heard()) > 16_000)
    agent.hang_up()
    ready = await house.event(call.RecordingReady)
    sound = decode_mp3(house.folder / "recordings" / ready.path)
    assert level_dbm0(sound[-12_000:-4000, 0]) > -20, "the customer spoke on"
    assert level_dbm0(sound[-12_000:-4000, 1]) < -50, "the muted agent was not heard"


async def test_the_customer_goes_into_a_flow_and_comes_back(open_house: House) -> None:
    """The test plays ivr: it has the flow's prompt played, and ends the run."""
    house = open_house
    nodes = (Start(id="s", next="say"), Play(id="say", prompts=MENU, next="e"), End(id="e"))
    await house.publish(Flow(id="confirm", version=1, name="Confirm", nodes=nodes))
    await until(lambda: house.service.config.flow(house.tenant, "confirm", 1) is not None)
    caller, agent, call_id = await talk(house)
    unknown = await ask(house, cmd.RunFlow, call_id, flow_id="confirm", flow_version=2)
    assert unknown.reason is Reason.UNKNOWN_FLOW
    for ended in (True, False):
        await do_it(house, cmd.RunFlow, call_id, flow_id="confirm", flow_version=1)
        started = await house.event(control.FlowStarted, times=1 if ended else 2)
        await hears(agent)
        assert (await house.play(call_id, MENU * 30, f"{started.run_id}-p1")).accepted
        await hears(caller, PROMPT_HZ)
        assert (await controls(house, call_id))[0] == "in-flow"
        if ended:
            over = IvrEnded(reason=Reason.FLOW_ENDED, handled=1, node_id="e")
            new = NewEvent(
                id=f"{started.run_id}-i0",
                tenant=house.tenant,
                aggregate_id=started.run_id,
                time=SystemClock().now(),
                event=over,
                correlation_id=call_id,
            )
            await house.store.append("ivr", started.run_id, house.tenant, [new], 0)
        else:
            await do_it(house, cmd.ResumeCall, call_id)
        await hears(caller, AGENT_HZ)
        await hears(agent, CALLER_HZ)
    left = [recorded.event for recorded in house.log if isinstance(recorded.event, control.FlowLeft)]
    assert [(event.how, event.node_id) for event in left] == [("ended", "e"), ("resumed", "")]
