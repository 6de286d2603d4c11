"""Whether the index finds what the collection holds."""

from __future__ import annotations

from anyio import to_thread

from waypoint.storage.index_look import NEAREST, is_damage, unfound
from waypoint.storage.port import VectorStore
from waypoint.verification.checks import CheckResult, failed, passed
from waypoint.verification.inventory import Inventory
from waypoint.verification.record_rules import vector_problems

SAMPLES = 100
"""Chunks that the index is asked to find by their own vectors."""


async def check_index(
    inventory: Inventory, collection: VectorStore, dimensions: int
) -> CheckResult:
    """Of some chunks, from all over the collection, most are found by their own vectors."""
    ids = await to_thread.run_sync(_spread, inventory)
    if not ids:
        return passed("index", "there are no chunks to ask for")
    found_ids, vectors = await collection.vectors(ids)
    problems = vector_problems(vectors, dimensions)
    whole = [row for row, problem in enumerate(problems) if not problem]
    lost = []
    if whole:
        answers = await collection.nearest(vectors[whole], NEAREST)
        lost = [f"{found_ids[whole[row]]}: not found by its own vector" for row in unfound(answers)]
    figure = f"{len(whole):,} chunks asked for"
    if lost:
        figure = f"{len(lost):,} not found by their own vectors; {figure}"
    if is_damage(len(whole), len(lost)):
        return failed("index", figure, found=len(lost), examples=lost)
    return passed("index", figure)


def _spread(inventory: Inventory) -> list[str]:
    count = inventory.value("SELECT coalesce(max(position), 0) FROM stored")
    step = max(1, count // SAMPLES)
    rows = inventory.rows("SELECT id FROM stored WHERE position % ? = 0 LIMIT ?", step, SAMPLES)
    return [chunk_id for (chunk_id,) in rows]
