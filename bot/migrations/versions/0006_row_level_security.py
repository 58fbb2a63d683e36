"""the second lock: PostgreSQL keeps communities apart on every table of a community; SQLite has nothing of the kind"""

from __future__ import annotations

from bot.migrations.guard import keep_apart

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
    keep_apart("community", "id")
    for table in OF_A_COMMUNITY:
        keep_apart(table)
