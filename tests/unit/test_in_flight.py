"""Each text is bought once, whoever else wants it meanwhile."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from tests.support.documents import document
from waypoint.chunking import ChunkPlan
from waypoint.ingestion.dedupe import metadata_changes
from waypoint.ingestion.in_flight import InFlight
from waypoint.ingestion.messages import Candidate, DocumentJob
from waypoint.models import Chunk

JOB = DocumentJob(ChunkPlan(document("a.md"), []), None)


def candidate(name: str, key: bytes = b"same") -> Candidate:
    """A chunk that wants the vector of a text."""
    return Candidate(JOB, Chunk(name, "a.md", "text", {}), key, "text", 1)


def test_the_first_leads_and_the_others_follow() -> None:
    """Until it is settled: then the next one is the first again."""
    in_flight = InFlight()
    first, second, third = (candidate(name) for name in ("1", "2", "3"))
    other = candidate("4", b"other")
    assert [in_flight.claim(each) for each in (first, second, other, third)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert in_flight.release(b"same") == [second, third]
    assert in_flight.release(b"other") == []
    assert in_flight.claim(third)


def test_only_what_is_in_flight_is_released_and_only_once() -> None:
    """A second release would be a bug of the caller's."""
    in_flight = InFlight()
    in_flight.claim(candidate("1"))
    in_flight.release(b"same")
    with pytest.raises(KeyError):
        in_flight.release(b"same")


async def test_too_many_duplicates_wait_for_capacity() -> None:
    """What waits is bounded; the end of one wait is the end of all."""
    in_flight = InFlight(most_waiting=2)
    through: list[int] = []

    async def enter(number: int) -> None:
        await in_flight.room()
        through.append(number)

    await in_flight.room()
    for name, key in (("1", b"a"), ("2", b"a"), ("3", b"b"), ("4", b"b")):
        in_flight.claim(candidate(name, key))
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(enter, number)
        await anyio.wait_all_tasks_blocked()
        assert through == []
        in_flight.release(b"a")
        await checkpoint()
        await anyio.wait_all_tasks_blocked()
        assert sorted(through) == [0, 1, 2]


@pytest.mark.parametrize(
    ("stored", "wanted", "changes"),
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1, "old": True}, {"a": 1}, {"old": None}),
        ({"a": 1, "old": True}, {"a": 2, "new": 0.5}, {"a": 2, "new": 0.5, "old": None}),
    ],
    ids=["same", "changed", "added", "removed", "all"],
)
def test_metadata_changes(
    stored: dict[str, int], wanted: dict[str, int], changes: dict[str, int | None]
) -> None:
    """Chroma merges what it is told, so what went away is named with None."""
    assert metadata_changes(stored, wanted) == changes


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [({"a": True}, {"a": 1}), ({"a": 1}, {"a": 1.0}), ({"a": 0}, {"a": False})],
    ids=["bool to int", "int to float", "int to bool"],
)
def test_values_of_another_type_are_changes(
    stored: dict[str, int], wanted: dict[str, float]
) -> None:
    """Python takes 1, 1.0 and True for equal; Chroma's filters do not."""
    assert metadata_changes(stored, wanted) == wanted
