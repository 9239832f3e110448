"""Whom an agent's call is with, for the agents who have part in it and nobody else."""

import pytest

from callstream.contracts.commands import CustomerOf
from callstream.kernel.errors import Refusal
from callstream_reporting.adapters.records import Records
from callstream_reporting.domain.customer import customer_of

from .test_projection import asyncpg, dialled, names, pool, projector, recorded, served  # noqa: F401


@pytest.mark.parametrize(
    ("call_id", "agent_id", "tenant", "told"),
    [
        ("C1", "1001", "main", "+8613900000001"),
        ("E1", "1001", "main", "callee"),
        ("E1", "1002", "main", "callee"),
        ("C1", "1002", "main", None),
        ("C1", "1001", "other", None),
        ("C1", "", "main", None),
        ("nix", "1001", "main", None),
    ],
)
async def test_the_customer_of_a_call(
    pool: asyncpg.Pool,  # noqa: F811
    call_id: str,
    agent_id: str,
    tenant: str,
    told: str | None,
) -> None:
    await (await projector(pool)).on_batch(recorded([*served("C1"), *dialled("E1", at=40)]))
    asked = CustomerOf(command_id="x", tenant=tenant, call_id=call_id, agent_id=agent_id)
    record = await Records(pool, names).get(tenant, call_id)
    if told is None:
        with pytest.raises(Refusal):
            customer_of(record, asked)
    else:
        assert record is not None
        assert customer_of(record, asked) == (record.called if told == "callee" else told)
