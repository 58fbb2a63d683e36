from __future__ import annotations

from tests.store.statements import every_statement_is_held

__all__ = ["every_statement_is_held"]
