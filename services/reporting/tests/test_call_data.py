"""What goes along with a call, as the projected tables have it."""

import pytest

from callstream.contracts.commands import GetCallData
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_reporting.adapters.projection import Projection
from callstream_reporting.domain.call_data import call_data

from .test_projection import asyncpg, called_back, dialled, pool, projector, recorded, served  # noqa: F401


async def test_the_data_of_a_call_are_its_tenants_alone(pool: asyncpg.Pool) -> None:  # noqa: F811
    await (await projector(pool)).on_batch(recorded([*served("C1"), *dialled("E1", at=40)]))
    summaries = await Projection(pool).summaries(["C1", "E1"])
    asked = GetCallData(command_id="x", tenant="main", call_id="C1")
    found = call_data(summaries["C1"], asked)
    assert (found.call_id, found.caller, found.direction) == ("C1", "+8613900000001", "inbound")
    assert [(each.agent_id, each.how) for each in found.services] == [("1001", "queue")]
    assert call_data(summaries["E1"], asked).direction == "outbound"
    assert found.callback_of == ""
    for summary, tenant in ((None, "main"), (summaries["C1"], "other")):
        with pytest.raises(Refusal) as refused:
            call_data(summary, GetCallData(command_id="x", tenant=tenant, call_id="C1"))
        assert refused.value.reason is Reason.UNKNOWN_CALL


async def test_an_attempt_to_call_back_names_the_call_in_which_it_was_asked_for(pool: asyncpg.Pool) -> None:  # noqa: F811
    await (await projector(pool)).on_batch(recorded(called_back()))
    (summary,) = (await Projection(pool).summaries(["C3"])).values()
    assert call_data(summary, GetCallData(command_id="x", tenant="main", call_id="C3")).callback_of == "C1"
