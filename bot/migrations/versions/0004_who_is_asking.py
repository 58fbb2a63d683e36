"""who is asking: invites, attempts, consents, the trail of bindings; and what platforms make an account keep"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.tables import BIG, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_note",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.id"], name=op.f("fk_channel_note_community_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_note")),
        sa.UniqueConstraint(
            "community_id",
            "channel",
            "account",
            "page",
            name=op.f("uq_channel_note_community_id_channel_account_page"),
        ),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_channel_note_community_id_id")),
    )
    with op.batch_alter_table("channel_note", schema=None) as batch_op:
        batch_op.create_index("ix_channel_note_until", ["until"], unique=False)
    op.create_table(
        "identity_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("conversation_id", BIG, nullable=True),
        sa.Column("resident_id", BIG, nullable=True),
        sa.Column("household_id", BIG, nullable=True),
        sa.Column("by_staff", BIG, nullable=True),
        sa.Column("by_resident", BIG, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.id"], name=op.f("fk_identity_event_community_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_event")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_identity_event_community_id_id")),
    )
    with op.batch_alter_table("identity_event", schema=None) as batch_op:
        batch_op.create_index("ix_identity_event_at", ["community_id", "at"], unique=False)
        batch_op.create_index("ix_identity_event_household", ["community_id", "household_id"], unique=False)
    op.create_table(
        "bind_attempt",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("matched", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "conversation_id"],
            ["conversation.community_id", "conversation.id"],
            name=op.f("fk_bind_attempt_community_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.id"], name=op.f("fk_bind_attempt_community_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bind_attempt")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_bind_attempt_community_id_id")),
    )
    with op.batch_alter_table("bind_attempt", schema=None) as batch_op:
        batch_op.create_index("ix_bind_attempt_room", ["community_id", "room", "at"], unique=False)
        batch_op.create_index(
            "ix_bind_attempt_speaker", ["community_id", "conversation_id", "at"], unique=False
        )
    op.create_table(
        "consent",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "conversation_id"],
            ["conversation.community_id", "conversation.id"],
            name=op.f("fk_consent_community_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_consent_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_consent_community_id_id")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(
            "ix_consent_conversation", ["community_id", "conversation_id", "id"], unique=False
        )
    op.create_table(
        "export_link",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "conversation_id"],
            ["conversation.community_id", "conversation.id"],
            name=op.f("fk_export_link_community_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_export_link_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_link")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_export_link_community_id_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_export_link_token_hash")),
    )
    op.create_table(
        "invite",
        sa.Column("id", BIG, nullable=False),
        sa.Column("community_id", BIG, nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("household_id", BIG, nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("resident_id", BIG, nullable=True),
        sa.Column("staff_id", BIG, nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("made_by_staff", BIG, nullable=True),
        sa.Column("made_by_resident", BIG, nullable=True),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("used_by", BIG, nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "household_id"],
            ["household.community_id", "household.id"],
            name=op.f("fk_invite_community_id_household_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "made_by_resident"],
            ["resident.community_id", "resident.id"],
            name=op.f("fk_invite_community_id_made_by_resident"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "made_by_staff"],
            ["staff.community_id", "staff.id"],
            name=op.f("fk_invite_community_id_made_by_staff"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "resident_id"],
            ["resident.community_id", "resident.id"],
            name=op.f("fk_invite_community_id_resident_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "staff_id"],
            ["staff.community_id", "staff.id"],
            name=op.f("fk_invite_community_id_staff_id"),
        ),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_invite_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite")),
        sa.UniqueConstraint("community_id", "code_hash", name=op.f("uq_invite_community_id_code_hash")),
        sa.UniqueConstraint("community_id", "id", name=op.f("uq_invite_community_id_id")),
    )
    with op.batch_alter_table("invite", schema=None) as batch_op:
        batch_op.create_index("ix_invite_household", ["community_id", "household_id"], unique=False)
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bound_by", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("bound_at", Instant(), nullable=True))
        batch_op.create_index(
            "ix_conversation_staff",
            ["community_id", "staff_id"],
            unique=False,
            sqlite_where=sa.text("staff_id IS NOT NULL"),
            postgresql_where=sa.text("staff_id IS NOT NULL"),
        )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_received", ["community_id", "conversation_id", "received_at"], unique=False
        )
        batch_op.create_index(
            "ix_inbox_account", ["community_id", "channel", "account", "received_at"], unique=False
        )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.add_column(sa.Column("revoked_at", Instant(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_column("revoked_at")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_account")
        batch_op.drop_index("ix_inbox_received")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_conversation_staff",
            sqlite_where=sa.text("staff_id IS NOT NULL"),
            postgresql_where=sa.text("staff_id IS NOT NULL"),
        )
        batch_op.drop_column("bound_at")
        batch_op.drop_column("bound_by")
    with op.batch_alter_table("invite", schema=None) as batch_op:
        batch_op.drop_index("ix_invite_household")
    op.drop_table("invite")
    op.drop_table("export_link")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index("ix_consent_conversation")
    op.drop_table("consent")
    with op.batch_alter_table("bind_attempt", schema=None) as batch_op:
        batch_op.drop_index("ix_bind_attempt_speaker")
        batch_op.drop_index("ix_bind_attempt_room")
    op.drop_table("bind_attempt")
    with op.batch_alter_table("identity_event", schema=None) as batch_op:
        batch_op.drop_index("ix_identity_event_household")
        batch_op.drop_index("ix_identity_event_at")
    op.drop_table("identity_event")
    with op.batch_alter_table("channel_note", schema=None) as batch_op:
        batch_op.drop_index("ix_channel_note_until")
    op.drop_table("channel_note")
