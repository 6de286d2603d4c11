"""What Chroma answers: its form is checked here once, whoever asked, and bounded by what it is.

A value of another type ends the reading where it stands, before it takes memory; what passes is
what the rest relies on. The types are all that a collection of any client can hold.
"""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias, TypeVar, cast

import msgspec
import numpy as np
from msgspec import Meta, Struct

from waypoint.bounded_http import TooLargeAnswerError, UnusableAnswerError
from waypoint.models import Metadata, Vectors
from waypoint.storage.port import Neighbour

T = TypeVar("T")

MOST_BYTES = 128 * 1024 * 1024
"""Of an answer: a page of 1,000 records with vectors of 3,072 values and much metadata has 110."""

ROW_BYTES = 2 * 1024 * 1024
"""Of a record alone: 64 fields of 4,096 characters, and its text, with whatever is escaped."""
ID_BYTES = 4 * 1024
"""Of an id alone; ours have at most 82."""

MOST_VALUES = 8_000_000
"""Of an answer: that page has 3.2 million. Two bytes of JSON may be a Python object of 64."""

Whole: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
Scalar: TypeAlias = str | Whole | float | bool | None
Fields: TypeAlias = dict[
    str, str | Whole | float | bool | list[Scalar] | dict[str, str | list[Scalar] | None] | None
]
"""Metadata. Lists and sparse vectors are other clients'; a number that is not finite is null."""

Id: TypeAlias = Annotated[str, Meta(pattern=r"^[\w-]{1,64}$")]


class Described(Struct, frozen=True):
    """A collection."""

    id: Id
    name: str = ""
    metadata: Fields | None = None


class Identity(Struct, frozen=True):
    """Whose a key is; ``*`` stands for any."""

    tenant: str = ""
    databases: list[str] = []


class Page(Struct, frozen=True):
    """Records: each column that was asked for is as long as the ids."""

    ids: list[str]
    metadatas: list[Fields | None] | None = None
    documents: list[str | None] | None = None
    embeddings: list[list[float | None] | None] | None = None

    def __post_init__(self) -> None:
        for column in (self.metadatas, self.documents, self.embeddings):
            if column is not None and len(column) != len(self.ids):
                raise ValueError("columns of unequal length")

    def fields(self) -> list[Metadata]:
        """Each record's metadata; empty for one that has none."""
        given = self.metadatas or [None] * len(self.ids)
        return [cast(Metadata, fields or {}) for fields in given]

    def texts(self) -> list[str | None]:
        return self.documents or [None] * len(self.ids)

    def matrix(self) -> Vectors:
        """A row for each vector; of NaN for one that is missing or unlike the most."""
        rows = self.embeddings or [None] * len(self.ids)
        try:
            matrix = np.array(rows, dtype=np.float32)
            if matrix.ndim == 2:
                return matrix
        except (ValueError, TypeError):
            pass
        width = max((len(row) for row in rows if row is not None), default=0)
        nothing = np.full(width, np.nan, dtype=np.float32)
        whole = [row if row is not None and len(row) == width else nothing for row in rows]
        return np.array(whole, dtype=np.float32).reshape(len(rows), width)


class Found(Struct, frozen=True):
    """For each question the records nearest to it."""

    ids: list[list[str]]
    # Of columns without a single result Chroma says null.
    metadatas: list[list[Fields | None] | None] | None = None
    documents: list[list[str | None] | None] | None = None
    distances: list[list[float | None] | None] | None = None
    """Null where there is none: to a vector of length zero."""

    def __post_init__(self) -> None:
        for column in (self.metadatas, self.documents, self.distances):
            lengths = [len(each or ()) for each in column or [()] * len(self.ids)]
            if lengths != [len(each) for each in self.ids]:
                raise ValueError("columns of unequal length")

    def neighbours(self) -> list[list[Neighbour]]:
        """For each question; what is at no distance comes last."""
        nothing: list[None] = [None] * len(self.ids)
        columns = (self.documents or nothing, self.metadatas or nothing, self.distances or nothing)
        return [
            [
                Neighbour(
                    chunk_id,
                    text or "",
                    cast(Metadata, fields or {}),
                    math.inf if distance is None else distance,
                )
                for chunk_id, text, fields, distance in zip(
                    ids, *(column or [None] * len(ids) for column in rest), strict=True
                )
            ]
            for ids, *rest in zip(self.ids, *columns, strict=True)
        ]


def read_answer(content: bytes, form: type[T]) -> T:
    """An answer of that form.

    Raises:
        TooLargeAnswerError: it has more values than any page.
        UnusableAnswerError: it is of another.
    """
    # A text's commas and brackets are among them, which is no matter at so many.
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise TooLargeAnswerError(f"an answer of more than {MOST_VALUES:,} values")
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnusableAnswerError("an answer that is not Chroma's") from None
