"""The log of who was shown whose data, as the staff's pages write it: one line per colleague, household, thing and hour.

A page that renews itself, or is opened five times, is one disclosure. That an hour has one line is kept by the colleague's own
row: it is locked before the log is looked at, so that two pages opened at once wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, and_, select

from bot import identity
from bot.tables import table

DISCLOSURE, STAFF = table("disclosure"), table("staff")


def unlogged(
    conn: Connection, community_id: int, staff_id: int, household_ids: Iterable[int | None], what: str, now: datetime
) -> tuple[int | None, ...]:
    """Those of the households that the log does not name yet for this colleague, thing and hour. Reads only.

    None stands for somebody who belongs to no household the desk knows of.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    logged = set(
        conn.scalars(
            select(DISCLOSURE.c.household_id).where(
                and_(
                    DISCLOSURE.c.community_id == community_id,
                    DISCLOSURE.c.at >= hour,
                    DISCLOSURE.c.staff_id == staff_id,
                    DISCLOSURE.c.what == what,
                )
            )
        )
    )
    return tuple(one for one in dict.fromkeys(household_ids) if one not in logged)


def log(
    conn: Connection, community_id: int, staff_id: int, household_ids: Iterable[int | None], what: str, now: datetime
) -> None:
    """Write what the log does not have yet."""
    # Rows that point to the colleague may be written meanwhile (key_share); SQLite has one writer and ignores the lock.
    own = select(STAFF.c.id).where(STAFF.c.community_id == community_id, STAFF.c.id == staff_id)
    conn.execute(own.with_for_update(key_share=True))
    new = unlogged(conn, community_id, staff_id, household_ids, what, now)
    identity.disclose(conn, community_id, what, now, household_ids=new, staff_id=staff_id)
