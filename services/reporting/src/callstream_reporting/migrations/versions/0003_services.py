"""Calls that agents begin, and each agent's part of a call.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them; the log is read anew, because what it tells of transfers and holds was passed over until now."""
    op.execute(
        """
        alter table service_record
            add column ring_ms bigint,
            add column hold_ms bigint not null default 0,
            add column holds int not null default 0,
            add column transfers int not null default 0,
            add column consults int not null default 0,
            add column conference boolean not null default false,
            add column chosen_by text not null default ''
        """
    )
    op.execute(
        """
        create table service (
            call_id text not null,
            tenant text not null,
            number int not null,
            agent_id text,
            party text,
            group_id text,
            how text not null,
            began_at timestamptz not null,
            ended_at timestamptz,
            talk_ms bigint,
            hold_ms bigint not null,
            holds int not null,
            primary key (call_id, number)
        )
        """
    )
    op.execute("create index service_by_agent on service (tenant, agent_id, began_at desc)")
    op.execute("truncate service_record, timeline, agent_state")
    op.execute("update projection set position = 0")


def downgrade() -> None:
    """Drop them."""
    op.execute("drop table service")
    op.execute(
        """
        alter table service_record
            drop column ring_ms, drop column hold_ms, drop column holds, drop column transfers, drop column consults,
            drop column conference, drop column chosen_by
        """
    )
