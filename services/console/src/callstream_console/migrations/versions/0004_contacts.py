"""People outside who can be called or handed a call to: everybody's, and each person's own (F023, F140).

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A number stands once in the public list, and once in each person's."""
    op.execute(
        """
        create table contact (
            tenant text not null,
            id text not null,
            owner text references person (id) on delete cascade,
            name text not null,
            number text not null,
            company text not null,
            primary key (tenant, id)
        )
        """
    )
    op.execute("create unique index contact_public on contact (tenant, number) where owner is null")
    op.execute("create unique index contact_own on contact (owner, number)")


def downgrade() -> None:
    """Drop them."""
    op.execute("drop table contact")
