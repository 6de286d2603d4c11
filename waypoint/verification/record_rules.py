"""What must hold of a single record, whatever the others say. Pure functions over a page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import numpy as np

from waypoint.models import Metadata, Vector, Vectors

UNIT = 1e-3
"""By how much a vector's length may differ from 1; float32 rounds at about 1e-7."""

SAME = 1e-4
"""Largest difference of a component at which two unit vectors are the same."""

REQUIRED: Mapping[str, type] = {
    "source": str,
    "doc_id": str,
    "title": str,
    "category": str,
    "format": str,
    "section_header": str,
    "subsection_header": str,
    "chunk_index": int,
    "chunk_count": int,
    "char_start": int,
    "char_end": int,
    "content_hash": str,
}
"""What docs/architecture.md says every chunk carries."""

OPTIONAL: Mapping[str, type] = {
    "heading_path": str,
    "page": int,
    "sheet": str,
    "slide": int,
    "time": str,
    "header_start": int,
    "header_end": int,
}
"""Where a chunk has them, they are of these types."""

_HASH = re.compile("[0-9a-f]{64}")


def text_problem(text: str | None, metadata: Metadata) -> str:
    """What is wrong with a stored text; empty for nothing, and where there is no hash."""
    if text is None:
        return "it has no text"
    hashed = metadata.get("content_hash")
    if not _is_hash(hashed) or hashlib.sha256(text.encode()).hexdigest() == hashed:
        return ""
    return "the text is not that of its content_hash"


def metadata_problem(metadata: Metadata) -> str:
    """What is wrong with a record's metadata: the first fields that are missing or odd."""
    problems = list(_metadata_problems(metadata))
    return ", ".join(problems[:3])


def _metadata_problems(metadata: Metadata) -> Iterator[str]:
    for name, kind in REQUIRED.items():
        if name not in metadata:
            yield f"{name} is missing"
        elif type(metadata[name]) is not kind:
            yield f"{name} is of type {type(metadata[name]).__name__}, not {kind.__name__}"
    for name, kind in OPTIONAL.items():
        if name in metadata and type(metadata[name]) is not kind:
            yield f"{name} is of type {type(metadata[name]).__name__}, not {kind.__name__}"
    if metadata.get("source") == "":
        yield "source is empty"
    hashed = metadata.get("content_hash")
    if isinstance(hashed, str) and not _is_hash(hashed):
        yield "content_hash is not a SHA-256"
    yield from _number_problems(metadata)


def _number_problems(metadata: Metadata) -> Iterator[str]:
    start, end = metadata.get("char_start"), metadata.get("char_end")
    if type(start) is int and type(end) is int and not 0 <= start < end:
        yield "char_start is not before char_end"
    index, count = metadata.get("chunk_index"), metadata.get("chunk_count")
    if type(index) is int and type(count) is int and not 0 <= index < count:
        yield "chunk_index is not below chunk_count"


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def vector_problems(vectors: Vectors, dimensions: int) -> list[str]:
    """For each row what is wrong with it; empty for nothing."""
    if vectors.shape[1] != dimensions:
        wrong = f"it has {vectors.shape[1]:,} dimensions, not {dimensions:,}"
        return [wrong] * len(vectors)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    problems = []
    for length in lengths.tolist():
        if not np.isfinite(length):
            problems.append("it is missing, or has values that are not finite")
        elif abs(length - 1) > UNIT:
            problems.append(f"its length is {length:.4g}, not 1")
        else:
            problems.append("")
    return problems


def committed_vector(data: bytes | None, dimensions: int) -> Vector | None:
    """The ledger's vector; None for one that cannot be right."""
    if data is None or len(data) != 4 * dimensions:
        return None
    vector: Vector = np.frombuffer(data, dtype="<f4")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    return vector if np.isfinite(length) and abs(length - 1) <= UNIT else None


def same_direction(stored: Vector, committed: Vector) -> bool:
    """Whether a stored vector is the committed one, whatever its length."""
    length = float(np.linalg.norm(stored.astype(np.float64)))
    if not np.isfinite(length) or not length:
        return True  # broken, which another check says: there is no direction to compare
    return bool(np.abs(stored / length - committed).max() <= SAME)
