"""Documents, their history, the outbox, and people.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.execute(
        """
        create table document (
            tenant text not null,
            kind text not null,
            id text not null,
            revision integer not null,
            body jsonb not null,
            updated_at timestamptz not null default now(),
            updated_by text not null,
            primary key (tenant, kind, id)
        )
        """
    )
    op.execute("create unique index document_number on document (id) where kind = 'number'")
    op.execute(
        """
        create table operation_log (
            position bigint generated always as identity primary key,
            at timestamptz not null default now(),
            tenant text not null,
            actor text not null,
            action text not null,
            kind text not null,
            id text not null,
            before jsonb,
            after jsonb
        )
        """
    )
    op.execute("create index operation_log_by_tenant on operation_log (tenant, position desc)")
    op.execute(
        """
        create table outbox (
            position bigint generated always as identity primary key,
            bucket text not null,
            key text not null,
            value bytea
        )
        """
    )
    op.execute(
        """
        create table person (
            id text primary key,
            tenant text not null,
            email text not null unique,
            role text not null,
            agent_id text not null default '',
            password_hash text not null,
            disabled boolean not null default false
        )
        """
    )
    op.execute("create unique index person_agent on person (tenant, agent_id) where agent_id <> ''")
    op.execute(
        """
        create table refresh_token (
            digest text primary key,
            person_id text not null references person (id) on delete cascade,
            expires_at timestamptz not null
        )
        """
    )


def downgrade() -> None:
    """Drop everything."""
    op.execute("drop table refresh_token, person, outbox, operation_log, document")
