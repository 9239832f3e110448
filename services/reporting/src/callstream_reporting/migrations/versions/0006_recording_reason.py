"""Why a call has no recording although one was begun.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"

BACKFILL = """
    update service_record r
    set recording_reason = 'media-failed', summary = r.summary || '{"recording_reason": "media-failed"}'
    from timeline t
    where t.call_id = r.call_id and t.type = 'call.recording-failed.v1' and r.recording_path is null
        and t.body->>'recording_id' = r.recording_id
"""


def upgrade() -> None:
    """Add it, for past calls from their timelines: until now no event gave another reason."""
    op.execute("alter table service_record add column recording_reason text")
    op.execute(BACKFILL)


def downgrade() -> None:
    """Drop it."""
    op.execute("alter table service_record drop column recording_reason")
