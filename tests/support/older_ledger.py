"""A ledger as an earlier version would have made it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from waypoint.storage.ledger.schema import MIGRATIONS

RENAMED = {
    "paid_at": "committed_at",
    "doubted": "suspect",
    "chroma_id": "store_id",
    "learned_at": "estimated_at",
    "state": "CASE complete WHEN 1 THEN 'done' ELSE 'begun' END",
    "size": "part(version, 0)",
    "mtime_ns": "part(version, 1)",
    "ctime_ns": "part(version, 2)",
    "read_at_ns": "part(version, 1) + CASE WHEN version LIKE '% racy' THEN 0 ELSE 2000000000 END",
}
"""Columns that are no longer there, and what they would hold."""
RENAMED_TABLES = {"learned_quotas": "estimated_quotas"}


def make_older(ledger: Path, version: int) -> None:
    """Make the ledger what that version would have made of it: its tables, and their rows as far
    as it had them."""
    older = ledger.with_name("older")
    with closing(sqlite3.connect(older, isolation_level=None)) as db:
        db.create_function(
            "part", 2, lambda version, number: int((version.split() or "000")[number])
        )
        db.execute("PRAGMA page_size=16384")
        db.execute("PRAGMA journal_mode=WAL")
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        db.execute(f"PRAGMA user_version={version}")
        db.execute("ATTACH ? AS present", [str(ledger)])
        for (table,) in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'"):
            columns = [row[1] for row in db.execute(f"PRAGMA main.table_info({table})")]
            values = ", ".join(RENAMED.get(column, column) for column in columns)
            db.execute(
                f"INSERT INTO main.{table} ({', '.join(columns)})"
                f" SELECT {values} FROM present.{RENAMED_TABLES.get(table, table)}"
            )
    older.replace(ledger)
