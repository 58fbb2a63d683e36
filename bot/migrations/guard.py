"""The second lock, as a step of a migration puts it on a table: row-level security of PostgreSQL.

A transaction says for which community it was begun (`bot.database.confine`). The policy compares that with each row, on
reading and on writing; a transaction that said nothing sees no row. FORCE binds the owner of the table too, because the
desk's role owns them; only a superuser or BYPASSRLS passes (`Database.unguarded` warns).

A step that makes a table of a community calls `keep_apart` for it; tests/store/test_isolation.py fails until it does.
"""

from __future__ import annotations

from alembic import op

_SAID = "current_setting('desk.community', true)"
# NULL, or '' (what a setting reads that was made in an earlier transaction), is no community: nothing is seen. Each SELECT is
# evaluated once for a statement; without it PostgreSQL asks again for every row.
_MAY = f"(SELECT {_SAID}) = '*' OR {{column}} = (SELECT nullif(nullif({_SAID}, ''), '*')::bigint)"


def let_together(table: str) -> None:
    """Undoes `keep_apart`."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f'DROP POLICY within_community ON "{table}"')
        op.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')


def keep_apart(table: str, column: str = "community_id") -> None:
    """Rows of `table` are seen and written within their own community alone. Does nothing on SQLite."""
    if op.get_bind().dialect.name != "postgresql":
        return
    may = _MAY.format(column=column)
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(f'CREATE POLICY within_community ON "{table}" USING ({may}) WITH CHECK ({may})')
