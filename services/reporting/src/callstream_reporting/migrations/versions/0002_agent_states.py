"""Agents' states, from one change to the next.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table; the log is read anew, because what it tells of agents was passed over until now."""
    op.execute(
        """
        create table agent_state (
            tenant text not null,
            agent_id text not null,
            seq bigint not null,
            state text not null,
            reason text not null,
            since timestamptz not null,
            until timestamptz,
            actor text not null,
            cause text not null,
            call_id text not null,
            primary key (tenant, agent_id, seq)
        )
        """
    )
    op.execute("create index agent_state_open on agent_state (tenant, agent_id) where until is null")
    op.execute("create index agent_state_by_time on agent_state (tenant, agent_id, since)")
    op.execute("truncate service_record, timeline")
    op.execute("update projection set position = 0")


def downgrade() -> None:
    """Drop it."""
    op.execute("drop table agent_state")
