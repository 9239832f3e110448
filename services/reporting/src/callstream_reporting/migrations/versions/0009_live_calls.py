"""Calls that go on are found without a look at all that are over (F216): boards and supervisors ask for them again and again.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """As large as the calls of the moment."""
    op.execute(
        "create index service_record_live on service_record (tenant, arrived_at desc, call_id desc) where ended_at is null"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("drop index service_record_live")
