"""What people did with messages in mailboxes. The messages themselves stand in the timeline.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table; no rebuild of the projection touches it."""
    op.execute(
        """
        create table message_state (
            tenant text not null,
            message_id text not null,
            heard_at timestamptz,
            heard_by text,
            deleted_at timestamptz,
            deleted_by text,
            primary key (tenant, message_id)
        )
        """
    )
    op.execute(
        "create index timeline_messages on timeline (tenant, (body->>'mailbox'), seq desc)"
        " where type = 'call.recording-started.v1' and body->>'mailbox' is not null"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("drop index timeline_messages")
    op.execute("drop table message_state")
