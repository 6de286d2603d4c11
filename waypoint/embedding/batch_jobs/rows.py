"""The lines of a job: requests as they are written, results as they are read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import TransientCallError
from waypoint.embedding.providers.checks import TOKENS_A_TEXT, normalised
from waypoint.models import EmbeddingSpace, TextKey, Vector

MOST_LINE = 1024 * 1024
"""Bytes of a line: 3,072 values take 70 KB, the rest is for white space."""

TEXT_REFUSED = 3
"""The code INVALID_ARGUMENT of a row's error: that very text is refused."""
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One line of a results file that names a text."""

    key: TextKey
    vector: Vector | None
    """Of unit length; None for a row that failed."""
    tokens: int | None
    """As the service counts them; None where it does not say."""
    error: int | None = None
    """The code of its error; 0 for one without, None for a row that is none, and is billed."""

    def count(self, estimate: int, size: int) -> int:
        """The service's count of tokens, where a text of ``size`` bytes can have it, or ours."""
        if self.tokens is not None and 1 <= self.tokens <= size + TOKENS_A_TEXT:
            return self.tokens
        return estimate


def request_line(space: EmbeddingSpace, model: EmbeddingModel, key: TextKey, text: str) -> bytes:
    """A line of a job's input file."""
    request: dict[str, Any] = {
        "content": {"parts": [{"text": text}]},
        "outputDimensionality": space.dimensions,
    }
    if model.task_forms is None:
        request["taskType"] = space.task_type
    return orjson.dumps({"key": key.hex(), "request": request}, option=orjson.OPT_APPEND_NEWLINE)


def result_rows(lines: Sequence[bytes], dimensions: int) -> list[ResultRow]:
    """What lines say; one that names no text is left out. Takes time: made to run in a thread."""
    return [row for line in lines if (row := _result_row(line, dimensions)) is not None]


def _result_row(line: bytes, dimensions: int) -> ResultRow | None:
    try:
        told = orjson.loads(line)
        key = bytes.fromhex(told["key"])
    except (ValueError, LookupError, TypeError):
        return None
    if len(key) != _KEY_BYTES:
        return None
    error = told.get("error") or told.get("status")
    if error is not None or "response" not in told:
        code = error.get("code") if isinstance(error, dict) else None
        return ResultRow(key, None, None, code if isinstance(code, int) else 0)
    try:
        response = told["response"]
        # More than was asked for: what was asked for comes first (Google's models are trained so).
        vector = normalised(
            [np.array(response["embedding"]["values"][:dimensions], np.float64)],
            texts=1,
            dimensions=dimensions,
        )[0]
    except (LookupError, TypeError, ValueError, AttributeError, TransientCallError):
        # Malformed: what it was is of no use to anyone.
        return ResultRow(key, None, None)
    return ResultRow(key, vector, _tokens(response))


def _tokens(response: dict[str, Any]) -> int | None:
    count = response.get("tokenCount")
    if isinstance(count, str) and count.isdecimal() and len(count) < 10:
        return int(count)
    return count if isinstance(count, int) and not isinstance(count, bool) else None
