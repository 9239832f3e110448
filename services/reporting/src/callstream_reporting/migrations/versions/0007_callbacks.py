"""Callbacks: what became of them, in the record of the call in which they were asked for, and which calls attempted them.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add them. The log holds no callback from before."""
    op.execute(
        """
        alter table service_record
            add column callback_at timestamptz,
            add column callback_number text,
            add column callback_attempts int not null default 0,
            add column callback_outcome text,
            add column callback_reason text,
            add column callback_of text
        """
    )
    op.execute("create index service_record_callback_of on service_record (tenant, callback_of) where callback_of is not null")


def downgrade() -> None:
    """Drop them."""
    op.execute(
        """
        alter table service_record
            drop column callback_at, drop column callback_number, drop column callback_attempts,
            drop column callback_outcome, drop column callback_reason, drop column callback_of
        """
    )
