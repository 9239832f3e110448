"""Tools of the call control tests: what exactly somebody hears, colleagues, outside parties, and agents' commands."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from callstream.contracts import call_commands as cmd
from callstream.contracts.commands import Command, Reply
from callstream.contracts.config import Agent, Audio, Settings
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import Outgoing
from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.media.tone import level_dbm0, tone_levels

from .house import CONNECT_HZ, PROMPT_HZ, TONES, House
from .phone import Phone

MUSIC_HZ, COLLEAGUE_HZ = PROMPT_HZ, CONNECT_HZ
MUSIC = (Audio(audio_id="menu"),)
LOUD_DBM0 = -35.0
OUTSIDE = "+8613700000001"
SHOWN = "+862155500001"
FRAME = 160


def loud(ears: RtpPeer) -> set[int]:
    """The tones that are heard now."""
    samples = ears.heard(200)
    if len(samples) < 1600:
        return set()
    return {hz for hz, level in zip(TONES, tone_levels(samples, TONES), strict=True) if level > LOUD_DBM0}


async def hears(who: Phone, *tones: int) -> None:
    """Wait until these tones, and none of the others, are heard. Raises TimeoutError."""
    try:
        await who.ears.until(lambda ears: bool(ears.heard(200).size) and loud(ears) == set(tones))
    except TimeoutError:
        raise AssertionError(f"hears {loud(who.ears)}, not {set(tones)}") from None


def longest_silence_ms(ears: RtpPeer) -> int:
    """Within what was heard lately, frames with nothing in them one after the other."""
    samples = ears.heard()
    longest = run = 0
    for at in range(0, len(samples) - FRAME + 1, FRAME):
        run = run + 1 if level_dbm0(np.asarray(samples[at : at + FRAME])) < LOUD_DBM0 else 0
        longest = max(longest, run)
    return longest * 20


async def own_music(house: House) -> None:
    """Held customers hear a tone that the tests know."""
    await house.publish(Settings(hold_music=MUSIC, transfer_prompts=MUSIC))
    await until(lambda: bool(house.service.config.settings(house.tenant).hold_music))


async def colleague(house: House) -> Phone:
    """Agent 1002's desk phone, which sounds otherwise than the first one."""
    phone = await house.phone(COLLEAGUE_HZ)
    await phone.register(f"{house.tenant}-1002", "secret", house.hop)
    return phone


async def outside(house: House, tone_hz: int = COLLEAGUE_HZ) -> Phone:
    """Everybody behind a carrier that takes calls, and a number to show there."""
    phone = await house.phone(tone_hz)
    outgoing = Outgoing(host="127.0.0.1", port=phone.ua.local_addr[1], options_every_s=0)
    await house.publish(Trunk(id="out", outgoing=outgoing))
    await house.publish(Number(number=SHOWN, flow_id="main", flow_version=1, all_agents=True))
    config = house.service.config
    await until(lambda: config.trunk(house.tenant, "out") is not None and config.number(SHOWN, house.tenant) is not None)
    return phone


async def agent_is(house: House, **fields: Any) -> None:
    """Change agent 1001's document."""
    await house.publish(Agent(id="1001", name="1001", email="a1001@acme.test", sip_user=f"{house.tenant}-1001", **fields))

    def known() -> bool:
        agent = house.service.config.agent(house.tenant, "1001")
        return agent is not None and all(getattr(agent, name) == value for name, value in fields.items())

    await until(known)


async def do_it(house: House, command: type[Command], call_id: str, agent_id: str = "1001", **fields: Any) -> None:
    """An agent's command, which must be accepted."""
    reply = await ask(house, command, call_id, agent_id, **fields)
    assert reply.accepted, reply


async def ask(house: House, command: type[Command], call_id: str, agent_id: str = "1001", **fields: Any) -> Reply:
    """An agent's command."""
    return await house.send(command, call_id=call_id, agent_id=agent_id, **{"actor": agent_id, **fields})


async def controls(house: House, call_id: str, agent_id: str = "1001") -> tuple[str, list[str]]:
    """(situation, commands that would be accepted)."""
    reply = await house.send(cmd.GetCallView, call_id=call_id, agent_id=agent_id)
    view = msgspec.json.decode(reply.result, type=cmd.CallView)
    return view.situation, list(view.controls)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
