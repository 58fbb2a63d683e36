"""misreadings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.tables import BIG, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "misreading",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("heard_as", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("should_be", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("label", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_misreading_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_misreading")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_misreading_community_id_id")),
    )
    with op.batch_alter_table("misreading", schema=None) as batch_op:
        batch_op.create_index("ix_misreading_at", ["at"], unique=False)
        batch_op.create_index(
            "ix_misreading_waiting",
            ["community_id", "id"],
            unique=False,
            sqlite_where=sa.text("settled_at IS NULL"),
            postgresql_where=sa.text("settled_at IS NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("misreading", schema=None) as batch_op:
        batch_op.drop_index("ix_misreading_waiting")
        batch_op.drop_index("ix_misreading_at")
    op.drop_table("misreading")
