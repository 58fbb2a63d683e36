"""shadow mode: what the desk would have answered, and what staff said of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.migrations.guard import keep_apart, let_together
from bot.tables import BIG, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suggestion",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=True),
        sa.Column("inbox_id", BIG, nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("heard", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("does", sa.JSON(), nullable=False),
        sa.Column("judged", sa.String(), nullable=False),
        sa.Column("should_be", sa.String(), nullable=False),
        sa.Column("judged_by", BIG, nullable=True),
        sa.Column("judged_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_suggestion_community_id")),
        sa.ForeignKeyConstraint(
            ["community_id", "conversation_id"],
            ["conversation.community_id", "conversation.id"],
            name=op.f("fk_suggestion_community_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "ticket_id"],
            ["ticket.community_id", "ticket.id"],
            name=op.f("fk_suggestion_community_id_ticket_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "judged_by"],
            ["staff.community_id", "staff.id"],
            name=op.f("fk_suggestion_community_id_judged_by"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_suggestion_community_id_id")),
    )
    waiting = sa.text("judged_at IS NULL")
    op.create_index("ix_suggestion_conversation", "suggestion", ["community_id", "conversation_id", "id"])
    op.create_index("ix_suggestion_at", "suggestion", ["community_id", "at"])
    op.create_index(
        "ix_suggestion_waiting", "suggestion", ["community_id", "at"], sqlite_where=waiting, postgresql_where=waiting
    )
    keep_apart("suggestion")


def downgrade() -> None:
    let_together("suggestion")
    op.drop_table("suggestion")
