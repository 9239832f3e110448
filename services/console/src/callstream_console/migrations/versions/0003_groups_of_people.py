"""People have groups: what a supervisor may see and act on (F226).

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nobody has any at first: a supervisor sees none until an administrator names their groups."""
    op.execute("alter table person add column groups text[] not null default '{}'")


def downgrade() -> None:
    """Drop them."""
    op.execute("alter table person drop column groups")
