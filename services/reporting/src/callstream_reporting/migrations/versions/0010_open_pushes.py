"""Recordings that wait to be pushed, or were given up, are counted without a look at all that were sent (F203): every second.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """As large as what is open."""
    op.execute("create index recording_push_open on recording_push (state) where state <> 'sent'")


def downgrade() -> None:
    """Drop it."""
    op.execute("drop index recording_push_open")
