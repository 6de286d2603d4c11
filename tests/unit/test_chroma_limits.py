"""What a record and a collection may hold, counted in bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.errors import StoreWriteError, UsageError
from waypoint.models import Chunk
from waypoint.storage.chroma.limits import OF_A_SERVER, OF_THE_CLOUD, joined

CHUNK = Chunk("id", "a.md", "text", {"source": "a.md"})
MISFITS: dict[str, dict[str, Any]] = {
    "its text has 16,386 bytes": {"text": "ä" * 8193},
    "its id has 129 bytes": {"id": "x" * 129},
    "it has 33 metadata fields": {"metadata": {f"key{n}": n for n in range(33)}},
    "a name of its metadata has 38 bytes": {"metadata": {"ü" * 19: 1}},
    "its note has 4,098 bytes": {"metadata": {"note": "ü" * 2049}},
    "its tags has 5,003 bytes": {"metadata": {"tags": ["abc"] * 833 + ["x"]}},
}
FITS: dict[str, dict[str, Any]] = {
    "text": {"text": "ä" * 8192},
    "id": {"id": "x" * 128},
    "fields": {"metadata": {f"key{n}": n for n in range(32)}},
    "name": {"metadata": {"ü" * 18: 1}},
    "value": {"metadata": {"note": "ü" * 2048}},
}


@pytest.mark.parametrize("reason", MISFITS)
def test_a_chunk_that_does_not_fit(reason: str) -> None:
    """Is told with what is too much of it, by one byte; any other server takes it."""
    chunk = replace(CHUNK, **MISFITS[reason])
    assert OF_THE_CLOUD.misfit(chunk).startswith(reason)
    assert OF_A_SERVER.misfit(chunk) == ""


@pytest.mark.parametrize("what", FITS)
def test_a_chunk_that_just_fits(what: str) -> None:
    """Up to the limit itself."""
    assert OF_THE_CLOUD.misfit(replace(CHUNK, **FITS[what])) == ""


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=700) | st.integers(0, 9)))
def test_a_collections_metadata_come_back(metadata: dict[str, str | int]) -> None:
    """However long their values are; no part is longer than it may be."""
    divided = OF_THE_CLOUD.divided(metadata)
    assert all(len(str(value).encode()) <= 256 for value in divided.values())
    assert joined(divided) == metadata
    assert OF_A_SERVER.divided(metadata) == metadata


def test_more_metadata_than_a_collection_can_have() -> None:
    """Is told with what to shorten."""
    with pytest.raises(StoreWriteError) as caught:
        OF_THE_CLOUD.divided({"waypoint_selection": "x" * 256 * 33})
    assert "--exclude" in caught.value.hint


def test_more_conditions_than_a_search_takes() -> None:
    """Counted within one another."""
    eight = {"$and": [{"$or": [{"a": 1}, {"b": 2}]}, *({f"k{n}": n} for n in range(6))]}
    OF_THE_CLOUD.check_conditions(eight)
    with pytest.raises(UsageError, match="9 conditions"):
        OF_THE_CLOUD.check_conditions({"$and": [eight, {"c": 3}]})
    OF_A_SERVER.check_conditions({"$and": [{f"k{n}": n} for n in range(20)]})
