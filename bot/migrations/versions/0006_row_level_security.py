"""the second lock: PostgreSQL keeps communities apart on every table of a community; SQLite has nothing of the kind

And photos that wait are counted by community, as everything else is: their index begins with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.migrations.guard import keep_apart, let_together

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OF_A_COMMUNITY = (
    "bind_attempt",
    "building",
    "channel_note",
    "consent",
    "conversation",
    "disclosure",
    "due",
    "duty",
    "escalation",
    "event",
    "export_link",
    "household",
    "identity_event",
    "inbox",
    "invite",
    "login_link",
    "media",
    "membership",
    "misreading",
    "outbox",
    "phone_task",
    "receipt",
    "resident",
    "room",
    "staff",
    "staff_session",
    "survey_answer",
    "ticket",
    "ticket_event",
    "ticket_photo",
    "ticket_sequence",
    "unit",
)


def upgrade() -> None:
    pending = sa.text("status = 'pending'")
    op.drop_index("ix_media_pending", "media")
    op.create_index(
        "ix_media_pending", "media", ["community_id", "id"], sqlite_where=pending, postgresql_where=pending
    )
    keep_apart("community", "id")
    for table in OF_A_COMMUNITY:
        keep_apart(table)


def downgrade() -> None:
    for table in ("community", *OF_A_COMMUNITY):
        let_together(table)
    pending = sa.text("status = 'pending'")
    op.drop_index("ix_media_pending", "media")
    op.create_index("ix_media_pending", "media", ["id"], sqlite_where=pending, postgresql_where=pending)
