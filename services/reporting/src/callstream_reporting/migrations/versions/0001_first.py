"""Service records, call timelines, and where the projection stands.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.execute("create table projection (name text primary key, position bigint not null)")
    op.execute("insert into projection values ('calls', 0)")
    op.execute(
        """
        create table service_record (
            call_id text primary key,
            tenant text not null,
            seq bigint not null,
            arrived_at timestamptz not null,
            call_type text not null,
            caller text not null,
            called text not null,
            remark text not null default '',
            access_status text,
            reason text,
            wait_ms bigint,
            talk_ms bigint,
            agent_id text,
            group_id text,
            satisfaction text,
            hang_up_party text,
            ended_at timestamptz,
            recording_id text,
            recording_path text,
            recording_ms bigint,
            summary jsonb not null
        )
        """
    )
    op.execute("create index service_record_by_time on service_record (tenant, arrived_at desc, call_id desc)")
    op.execute("create index service_record_by_agent on service_record (tenant, agent_id, arrived_at desc)")
    op.execute(
        """
        create table timeline (
            call_id text not null,
            seq bigint not null,
            tenant text not null,
            at timestamptz not null,
            source text not null,
            aggregate text not null,
            aggregate_id text not null,
            type text not null,
            body jsonb not null,
            primary key (call_id, seq)
        )
        """
    )


def downgrade() -> None:
    """Drop everything."""
    op.execute("drop table timeline, service_record, projection")
