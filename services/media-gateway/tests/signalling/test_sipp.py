"""A foreign SIP implementation calls: sipp's own uac scenario, fifty calls, each answered and hung up by the caller."""

import asyncio
import shutil
from pathlib import Path

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.commands import AnswerCall
from callstream.contracts.lines import Trunk
from callstream.kernel.outcomes import Party, Reason

from .house import House

CALLS = 50


@pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed")
@pytest.mark.feature("F015", "F175")
async def test_fifty_calls_by_sipp(open_house: House, tmp_path: Path) -> None:
    await open_house.publish(Trunk(id="carrier", peers=("127.0.0.1",), country="CN", max_calls=CALLS))
    sipp = await asyncio.create_subprocess_exec(
        *("sipp", "-sn", "uac", f"{open_house.hop.host}:{open_house.hop.port}", "-s", "02166668888", "-i", "127.0.0.1"),
        *("-r", "50", "-m", str(CALLS), "-d", "200", "-nostdin", "-timeout", "20s", "-timeout_error"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answered = 0
    while answered < CALLS:
        await open_house.event(call.CallArrived, times=answered + 1)
        for call_id in open_house.call_ids()[answered:]:
            assert (await open_house.send(AnswerCall, call_id=call_id)).accepted
            answered += 1
    assert await sipp.wait() == 0, "sipp counts every call as successful"
    await open_house.event(call.CallEnded, times=CALLS, reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)
    assert {tuple(open_house.story(call_id)) for call_id in open_house.call_ids()} == {
        ("arrived", "answered", "leg-ended", "ended")
    }
    await asyncio.wait_for(open_house.gateway.switchboard.empty.wait(), 5)
    assert not open_house.gateway.switchboard.by_leg
    assert open_house.gateway.user_agent.held()["dialogs"] == 0
    assert (await open_house.gateway.media.client.stats()).legs == 0
    assert not +open_house.gateway.switchboard.per_trunk
