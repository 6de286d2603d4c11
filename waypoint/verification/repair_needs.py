"""What has to be done about what was found, as the inventory has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from waypoint.models import TextKey
from waypoint.verification.inventory import PAGE, Inventory

MENDED_BY_REBUILDING = frozenset({"collection", "index", "recall"})
"""Checks whose failure says that the index is broken: it is built anew as a whole."""

NOT_MENDED = frozenset({"recipe", "sample", "retrieval"})
"""Checks that no repair helps against."""

_FIND_DOCUMENTS = """
CREATE TABLE to_delete (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE to_compare (source TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO to_delete SELECT id FROM marked;
INSERT OR IGNORE INTO to_delete SELECT id FROM findings WHERE check_name = 'ids';
-- Nothing says whose it is: no ingestion would ever touch it.
INSERT OR IGNORE INTO to_delete
    SELECT id FROM stored AS s WHERE read AND source IS NULL;
INSERT OR IGNORE INTO to_compare
    SELECT e.source FROM expected AS e
    WHERE e.id IN (SELECT id FROM to_delete)
        OR e.id IN (SELECT id FROM findings
            WHERE check_name IN ('metadata', 'ledger', 'committed'));
INSERT OR IGNORE INTO to_compare
    SELECT s.source FROM stored AS s WHERE s.source IS NOT NULL AND (
        s.id IN (SELECT id FROM to_delete)
        OR s.id IN (SELECT id FROM findings WHERE check_name IN ('metadata', 'ledger')));
INSERT OR IGNORE INTO to_compare
    SELECT source FROM findings WHERE check_name = 'sequence' AND source IS NOT NULL;
INSERT OR IGNORE INTO to_compare
    SELECT source FROM findings
    WHERE check_name IN ('orphans', 'sources') AND source != ''
        AND (check_name = 'orphans' OR source IN (SELECT source FROM documents));
"""


@dataclass(frozen=True, slots=True)
class RepairSteps:
    """What is to be done before the ingestion that mends the rest."""

    documents: int
    """To be compared with the collection chunk by chunk."""
    chunks_deleted: int
    """Damaged ones, which are written again."""
    vectors_taken_back: int
    """Into the ledger, from the collection, which has them whole."""
    vectors_dropped: int
    """From the ledger: damaged there, and not whole in the collection."""
    tokens_dropped: int
    """Of their texts, estimated: these are embedded again."""
    rebuild: bool
    """The collection is written anew, from what is stored and what is committed."""


def find_repairs(inventory: Inventory, verdict_failing: frozenset[str]) -> RepairSteps:
    """The steps that what was found asks for. Called once."""
    inventory.script(_FIND_DOCUMENTS)
    whole = "SELECT count(*) FROM bad_keys WHERE vector IS NOT NULL"
    damaged = "FROM bad_keys WHERE vector IS NULL"
    return RepairSteps(
        documents=inventory.value("SELECT count(*) FROM to_compare"),
        chunks_deleted=inventory.value("SELECT count(*) FROM to_delete"),
        vectors_taken_back=inventory.value(whole),
        vectors_dropped=inventory.value(f"SELECT count(*) {damaged}"),
        tokens_dropped=inventory.value(f"SELECT coalesce(sum(tokens), 0) {damaged}"),
        rebuild=not verdict_failing.isdisjoint(MENDED_BY_REBUILDING),
    )


def sources_to_compare(inventory: Inventory) -> Iterator[list[str]]:
    """Documents to be marked as started, in pages."""
    return _pages(inventory, "to_compare", "source")


def ids_to_delete(inventory: Inventory) -> Iterator[list[str]]:
    """Records to be deleted, in pages."""
    return _pages(inventory, "to_delete", "id")


def bad_vectors(inventory: Inventory) -> Iterator[list[tuple[TextKey, bytes | None]]]:
    """Text keys with the collection's vector where that is whole, in pages."""
    after = b""
    while True:
        query = "SELECT text_key, vector FROM bad_keys WHERE text_key > ? ORDER BY 1 LIMIT ?"
        page = [(bytes(key), vector) for key, vector in inventory.rows(query, after, PAGE)]
        if not page:
            return
        yield page
        after = page[-1][0]


def _pages(inventory: Inventory, table: str, column: str) -> Iterator[list[str]]:
    after = ""
    while True:
        query = f"SELECT {column} FROM {table} WHERE {column} > ? ORDER BY 1 LIMIT ?"  # noqa: S608
        page = [str(value) for (value,) in inventory.rows(query, after, PAGE)]
        if not page:
            return
        yield page
        after = page[-1]
