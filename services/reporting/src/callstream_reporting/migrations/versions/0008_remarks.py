"""Remarks on calls, which people write (F190): beside the projection, for a rebuild must not forget them.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """The column of the projection has never held any."""
    op.execute(
        """
        create table remark (
            tenant text not null,
            call_id text not null,
            text text not null,
            written_by text not null,
            written_at timestamptz not null,
            primary key (tenant, call_id)
        )
        """
    )
    op.execute("alter table service_record drop column remark")


def downgrade() -> None:
    """Back to the empty column."""
    op.execute("alter table service_record add column remark text not null default ''")
    op.execute("drop table remark")
