"""What must hold of a single record."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from waypoint.models import Metadata, MetadataValue
from waypoint.verification.record_rules import (
    committed_vector,
    metadata_problem,
    same_direction,
    text_problem,
    vector_problems,
)

GOOD: dict[str, MetadataValue] = {
    "source": "a/b.md", "doc_id": "a-b", "title": "B", "category": "a", "format": "markdown",
    "section_header": "", "subsection_header": "", "chunk_index": 0, "chunk_count": 2,
    "char_start": 0, "char_end": 5, "content_hash": hashlib.sha256(b"words").hexdigest(),
}  # fmt: skip


def unit(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A vector of unit length."""
    vector = np.array(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def test_a_whole_record_has_no_problem() -> None:
    """Also with a page, a heading path and a document's own fields."""
    assert text_problem("words", GOOD) == ""
    more: Metadata = {**GOOD, "page": 3, "heading_path": "A > B", "own": True, "header_end": 9}
    assert metadata_problem(GOOD) == metadata_problem(more) == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("title", None, "title is missing"),
        ("source", "", "source is empty"),
        ("chunk_index", "0", "chunk_index is of type str, not int"),
        ("chunk_index", True, "chunk_index is of type bool, not int"),
        ("chunk_index", 2, "chunk_index is not below chunk_count"),
        ("chunk_count", 2.0, "chunk_count is of type float, not int"),
        ("char_end", 0, "char_start is not before char_end"),
        ("content_hash", "abc", "content_hash is not a SHA-256"),
        ("page", "3", "page is of type str, not int"),
        ("heading_path", 3, "heading_path is of type int, not str"),
    ],
)
def test_odd_metadata_are_named(name: str, value: MetadataValue | None, said: str) -> None:
    """The field, and what is odd about it."""
    metadata = {key: old for key, old in GOOD.items() if key != name}
    if value is not None:
        metadata[name] = value
    assert metadata_problem(metadata) == said


def test_a_text_that_is_not_its_hash() -> None:
    """A missing text too; a missing hash is for the metadata to say."""
    assert text_problem("other", GOOD) == "the text is not that of its content_hash"
    assert text_problem(None, GOOD) == "it has no text"
    assert text_problem("other", {"content_hash": "abc"}) == ""


def test_vectors_that_are_not_whole() -> None:
    """Not finite, empty, too long, or of another dimension."""
    rows = np.array([[1, 0], [np.nan, 0], [0, 0], [3, 4], [np.inf, 0]], np.float32)
    problems = vector_problems(rows, 2)
    assert [bool(problem) for problem in problems] == [False, True, True, True, True]
    assert problems[3] == "its length is 5, not 1"
    assert vector_problems(rows[:1], 3) == ["it has 2 dimensions, not 3"]


def test_a_committed_vector_that_cannot_be_right_is_none() -> None:
    """By its bytes, its values or its length."""
    good = unit(3, 4)
    found = committed_vector(good.tobytes(), 2)
    assert found is not None
    assert found.tolist() == good.tolist()
    assert committed_vector(None, 2) is None
    assert committed_vector(good.tobytes()[:-1], 2) is None
    assert committed_vector(b"\0" * 8, 2) is None
    assert committed_vector(np.array([np.nan, 1], "<f4").tobytes(), 2) is None


def test_direction_is_compared_and_length_is_not() -> None:
    """A stretched vector is another check's; a turned one is this one's."""
    assert same_direction(unit(3, 4) * 2, unit(3, 4))
    assert not same_direction(unit(3, 4.1), unit(3, 4))
    assert same_direction(np.zeros(2, np.float32), unit(3, 4))
