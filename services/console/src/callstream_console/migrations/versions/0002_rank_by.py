"""Groups name a list of criteria (`rank_by`) instead of one rule; `longest-idle`, the only rule there was, is its default.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Take the rule out of the stored groups and publish them again."""
    op.execute(
        """
        with changed as (
            update document set body = body - 'rule', revision = revision + 1, updated_at = now()
            where kind = 'group' and body ? 'rule'
            returning tenant, id, revision, body
        )
        insert into outbox (bucket, key, value)
        select 'CONFIG', tenant || '.group.' || id,
               convert_to(json_build_object('revision', revision, 'body', body)::text, 'UTF8')
        from changed
        """
    )
