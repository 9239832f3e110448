"""Accesses to recordings, the key of links, and recordings on their way to tenants.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables. No recording of the past is pushed: pushing begins where the projection stands."""
    op.execute(
        """
        create table recording_access (
            position bigint generated always as identity primary key,
            at timestamptz not null default now(),
            tenant text not null,
            call_id text not null,
            recording_id text not null,
            person text not null,
            how text not null,
            part text not null
        )
        """
    )
    op.execute("create index recording_access_by_tenant on recording_access (tenant, position desc)")
    op.execute("create table house_key (one boolean primary key default true check (one), key bytea not null)")
    op.execute("insert into projection select 'recording-push', position from projection where name = 'calls'")
    op.execute("create index timeline_recordings on timeline (seq) where type = 'call.recording-ready.v1'")
    op.execute(
        """
        create table recording_push (
            tenant text not null,
            call_id text not null,
            recording_id text not null,
            seq bigint not null,
            first_at timestamptz not null,
            due_at timestamptz not null,
            tries int not null default 0,
            state text not null default 'waiting',
            error text not null default '',
            primary key (tenant, call_id, recording_id)
        )
        """
    )
    op.execute("create index recording_push_due on recording_push (due_at) where state = 'waiting'")


def downgrade() -> None:
    """Drop them."""
    op.execute("drop table recording_push, house_key, recording_access")
    op.execute("drop index timeline_recordings")
    op.execute("delete from projection where name = 'recording-push'")
