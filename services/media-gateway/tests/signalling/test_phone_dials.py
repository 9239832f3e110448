"""An idle agent dials on their desk phone: the same call as from the screen, with the phone's own INVITE as their leg."""

from __future__ import annotations

import msgspec
import pytest
from nats.aio.msg import Msg

from callstream.contracts import call_commands as cmd
from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts.commands import AgentView, ListAgents, ReleaseAgent, Reply, Reservation
from callstream.contracts.states import AgentState, Purpose, Terminal
from callstream.contracts.subjects import command_subject
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.sip.offer_answer import make_answer
from callstream_media_gateway.sip.sdp import SessionDescription

from .controls import COLLEAGUE_HZ, OUTSIDE, SHOWN, colleague, hears, outside, until
from .house import AGENT_HZ, House
from .lines import Line, workplace
from .phone import Phone
from .test_survival import restart


class PlayedAgents:
    """Plays agent-state: who is seized, and given back again. refusal: what it says instead."""

    def __init__(self) -> None:
        self.seized: list[cmd.SeizeAgent] = []
        self.given_back: list[ReleaseAgent] = []
        self.refusal: Reason | None = None
        self.at_desk: dict[str, str] = {}
        """Who is signed in at which workplace."""

    async def open(self, house: House) -> None:
        for kind, handler in ((cmd.SeizeAgent, self._seize), (ReleaseAgent, self._release), (ListAgents, self._list)):
            await house.nc.subscribe(command_subject(kind.SERVICE, house.tenant, kind.NAME), cb=handler)
        await house.nc.flush()

    async def _seize(self, message: Msg) -> None:
        self.seized.append(msgspec.json.decode(message.data, type=cmd.SeizeAgent))
        result = msgspec.Raw(msgspec.json.encode(Reservation(terminal=Terminal.DESK_PHONE)))
        reply = Reply(accepted=True, result=result) if self.refusal is None else Reply(accepted=False, reason=self.refusal)
        await message.respond(msgspec.json.encode(reply))

    async def _list(self, message: Msg) -> None:
        views = [
            AgentView(agent_id=agent, state=AgentState.IDLE, since="", extension=extension)
            for extension, agent in self.at_desk.items()
        ]
        await message.respond(msgspec.json.encode(Reply(accepted=True, result=msgspec.Raw(msgspec.json.encode(views)))))

    async def _release(self, message: Msg) -> None:
        self.given_back.append(msgspec.json.decode(message.data, type=ReleaseAgent))
        await message.respond(msgspec.json.encode(Reply(accepted=True)))


@pytest.fixture
async def agents(open_house: House) -> PlayedAgents:
    played = PlayedAgents()
    await played.open(open_house)
    return played


async def dialling(house: House, number: str = "13700000001") -> tuple[Line, Phone]:
    """The callee's phone rings, and so it sounds in the agent's."""
    agent, callee = await house.agent(), await outside(house)
    line = Line(agent, house)
    line.dial(house, number)
    await callee.until("invited")
    await line.until("ringing")
    assert agent.calls == [], "the phone that calls is not rung"
    return line, callee


async def test_an_agent_dials_a_customer_on_the_phone(open_house: House, agents: PlayedAgents) -> None:
    house = open_house
    line, callee = await dialling(house)
    assert (callee.calls[0].from_.uri.user, callee.calls[0].request_uri.user) == (SHOWN, OUTSIDE)
    assert callee.calls[0].max_forwards == 69
    begun = await house.event(call.CallDialled)
    (seized,) = agents.seized
    assert (seized.agent_id, seized.purpose, begun.agent_id) == ("1001", Purpose.OUTBOUND, "1001")
    assert begun.agent_leg_id == f"{seized.call_id}-a"
    callee.pick_up()
    await line.until("answered")
    await hears(line, COLLEAGUE_HZ)
    await hears(callee, AGENT_HZ)
    line.hang_up()
    await callee.until(("ended", "bye"))
    ended = await house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)
    await house.event(call.RecordingReady)
    assert agents.given_back == [], "agent-state hears of the call from the log"


async def test_a_killed_signalling_goes_on_with_it(open_house: House, agents: PlayedAgents) -> None:
    """While the callee rings, and while both talk."""
    house = open_house
    line, callee = await dialling(house)
    await restart(house)
    callee.pick_up()
    await line.until("answered")
    await hears(line, COLLEAGUE_HZ)
    await hears(callee, AGENT_HZ)
    await restart(house)
    callee.hang_up()
    await line.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.CALLER_HUNG_UP


async def test_an_agent_calls_another_on_the_phone(open_house: House, agents: PlayedAgents) -> None:
    house = open_house
    agent, other = await house.agent(), await colleague(house)
    line = Line(agent, house)
    line.dial(house, f"{house.tenant}-1002")  # by the extension
    wanted = await house.event(control.AgentWanted)
    assert (wanted.purpose, wanted.target_agent_id) == (Purpose.INTERNAL, "1002")
    await house.offer(agents.seized[0].call_id, "1002", request_id=wanted.request_id)
    await other.until("invited")
    await line.until("ringing")
    other.pick_up()
    await line.until("answered")
    await hears(line, COLLEAGUE_HZ)
    await hears(other, AGENT_HZ)
    other.hang_up()
    await line.until(("ended", "bye"))


def announces(callee: Phone) -> SessionDescription:
    """The callee's network speaks before the answer: 183 with its audio."""
    invited = callee.calls[-1]
    assert invited.offer is not None
    assert invited.offer.audio is not None
    early = make_answer(invited.offer, *callee.ears.address, session_id=2)
    invited.provisional(183, early)
    callee.ears.send_to = (invited.offer.audio.host, invited.offer.audio.port)
    return early


async def test_the_callees_network_is_heard_before_the_answer(open_house: House, agents: PlayedAgents) -> None:
    house = open_house
    agent, callee = await house.agent(), await outside(house)
    callee.when_called = lambda _: None
    line = Line(agent, house)
    calling = line.dial(house, "13700000001")
    calling.on_ringing = lambda code, sdp: line.hear(code, sdp)
    await callee.until("invited")
    early = announces(callee)
    await line.until(183)
    await hears(line, COLLEAGUE_HZ)
    callee.calls[-1].answer(early)
    await line.until("answered")
    await hears(callee, AGENT_HZ)
    await hears(line, COLLEAGUE_HZ)


async def test_a_killed_signalling_ends_what_only_the_network_had_answered(open_house: House, agents: PlayedAgents) -> None:
    """The phone's INVITE is bound to the former process by a reliable 183, and cannot be answered by the next one."""
    house = open_house
    agent, callee = await house.agent(), await outside(house)
    callee.when_called = lambda _: None
    line = Line(agent, house)
    line.dial(house, "13700000001")
    await callee.until("invited")
    announces(callee)
    await line.until(183)
    await restart(house)
    await callee.until("cancelled")
    assert (await house.event(call.CallEnded)).party is Party.AGENT
    await until(lambda: not house.gateway.switchboard.calls)


async def test_a_phone_that_gives_up_rings_nobody_any_more(open_house: House, agents: PlayedAgents) -> None:
    house = open_house
    line, callee = await dialling(house)
    assert line.calling is not None
    line.calling.cancel()
    await line.until(("failed", 487))
    await callee.until("cancelled")
    assert (await house.event(call.CallEnded)).party is Party.AGENT
    await until(lambda: not house.gateway.switchboard.calls)


async def test_whoever_is_signed_in_at_a_workplace_dials_there_and_is_called_there(
    open_house: House, agents: PlayedAgents
) -> None:
    house = open_house
    user, desk = await workplace(house), await house.phone(AGENT_HZ)
    await desk.register(user, "secret", house.hop)
    nobody, line = Line(desk, house), Line(desk, house)
    nobody.dial(house, "1002", user)
    await nobody.until(("failed", 403))
    agents.at_desk = {user: "1001"}
    line.dial(house, "1002", user)
    begun = await house.event(call.CallDialled)
    assert (begun.agent_id, begun.callee) == ("1001", "1002")
    assert agents.seized[0].agent_id == "1001"
    line.calling.cancel()  # type: ignore[union-attr]
    await line.until(("failed", 487))

    agents.at_desk = {user: "1002"}
    other = Line(await house.agent(), house)
    other.dial(house, user)
    assert (await house.event(call.CallDialled, times=2)).callee == "1002"
    agents.at_desk = {}
    third = Line(other, house)
    third.dial(house, user)
    await third.until(("failed", 480))


REFUSED = [
    ("a destination that is closed", "+12125550100", None, 403),
    ("no number at all", "nobody", None, 404),
    ("themselves", "1001", None, 404),
    ("no trunk that takes it", "13700000001", None, 503),
    ("while busy", "13700000001", Reason.ILLEGAL_STATE, 486),
    ("when not signed in", "13700000001", Reason.NOT_SIGNED_IN, 403),
]


@pytest.mark.parametrize(("why", "number", "refusal", "code"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_what_an_idle_agent_may_not_dial(
    open_house: House, agents: PlayedAgents, why: str, number: str, refusal: Reason | None, code: int
) -> None:
    house = open_house
    agents.refusal = refusal
    line = Line(await house.agent(), house)
    line.dial(house, number)
    await line.until(("failed", code))
    await until(lambda: refusal is not None or len(agents.given_back) == 1)
    assert [given.offer_id for given in agents.given_back] == ([] if refusal else [agents.seized[0].call_id])
    assert not house.gateway.switchboard.calls
    assert "call.dialled.v1" not in [recorded.event.TYPE for recorded in house.log]


async def test_the_callee_is_busy(open_house: House, agents: PlayedAgents) -> None:
    house = open_house
    callee = await outside(house)
    callee.when_called = lambda invited: invited.reject(486)
    line = Line(await house.agent(), house)
    line.dial(house, "13700000001")
    await line.until(("failed", 486))
    assert (await house.event(call.CallEnded)).reason is Reason.BUSY


async def test_a_call_without_a_hop_left_is_refused(open_house: House, agents: PlayedAgents) -> None:
    house = open_house
    line = Line(await house.agent(), house)
    line.dial(house, "13700000001", max_forwards=0)
    await line.until(("failed", 483))
    caller = await house.phone(AGENT_HZ)
    caller.calling = caller.ua.invite(
        f"sip:02166668888@{house.hop.host}:{house.hop.port}",
        from_="sip:02011112222@trunk.test",
        sdp=line.calling.offer,  # type: ignore[union-attr]
        max_forwards=0,
    )
    caller.calling.on_failed = lambda code, _: caller._note(("failed", code))
    await caller.until(("failed", 483))
    assert agents.seized == []
