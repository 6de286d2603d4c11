"""The lines of a job: requests that come in, results that go out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from waypoint.simulator.batch.faults import JobFault
from waypoint.simulator.calls import EmbedCall, parse_call
from waypoint.simulator.errors import Refusal, invalid_argument
from waypoint.simulator.models import MAX_DIMENSIONS, SimulatedModel
from waypoint.simulator.vectors import DECIMALS, Embedder, text_digest

INVALID_ARGUMENT, INTERNAL = 3, 13
"""Codes of a row's error."""
_FOREIGN = (
    b"no JSON\n",
    b'{"response":{"embedding":{"values":[1.0]}}}\n',
    b'{"key":"' + 64 * b"0" + b'","response":{"embedding":{"values":[1.0]}}}\n',
    b'{"key":7,"error":{"code":13}}\n',
    b"\n",
)
_AT_ONCE = 500
"""Rows that are read, or written, without giving way to others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a job."""

    key: str
    text: str
    tokens: int
    dimensions: int
    error: int = 0
    """The code with which it fails; 0 if it does not."""


async def read_rows(content: bytes | bytearray, model: SimulatedModel) -> list[Row]:
    """The requests of an input file.

    Raises:
        Refusal: 400 that names the first line that is not in order.
    """
    rows = []
    for number, line in enumerate(bytes(content).splitlines(), start=1):
        try:
            rows.append(_row(line, model))
        except Refusal as refusal:
            raise invalid_argument(f"Line {number} of the input file: {refusal.message}") from None
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    if not rows:
        raise invalid_argument("The input file has no requests.")
    return rows


def _row(line: bytes, model: SimulatedModel) -> Row:
    try:
        told: Any = orjson.loads(line)
        key, request = told["key"], told["request"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise invalid_argument('not {"key": …, "request": …}') from None
    if not isinstance(key, str):
        raise invalid_argument("key must be a string")
    call: EmbedCall = parse_call(orjson.dumps(request), model, single=True)
    return Row(key, call.texts[0], call.tokens[0], call.dimensions)


def failing(rows: Sequence[Row], fault: JobFault | None, poison: str, spoil: str) -> list[Row]:
    """The rows, with the errors that some of them are to meet."""
    done = []
    for index, row in enumerate(rows):
        error = 0
        if poison and poison in row.text:
            error = INVALID_ARGUMENT
        elif (
            fault is JobFault.ALL_ROWS_FAIL
            or (fault is JobFault.ROW_ERRORS and index % 5 == 0)
            or (spoil and spoil in row.text)
        ):
            error = INTERNAL
        done.append(Row(row.key, row.text, row.tokens, row.dimensions, error) if error else row)
    return done


async def result_lines(
    rows: Sequence[Row], fault: JobFault | None, embedder: Embedder, seed: int
) -> AsyncIterator[bytes]:
    """The results file, some lines at a time."""
    listed = list(rows)
    if fault is JobFault.MISSING_ROWS:
        listed = [row for index, row in enumerate(listed) if index % 10]
    if fault is JobFault.SHUFFLED_ROWS:
        random.Random(seed).shuffle(listed)  # noqa: S311
    for begin in range(0, len(listed), _AT_ONCE):
        some = listed[begin : begin + _AT_ONCE]
        lines = [_result(row, fault, embedder) for row in some]
        if fault is JobFault.FOREIGN_ROWS:
            lines = [*_FOREIGN, *lines, *lines]
        if fault is JobFault.NULL_VALUE and begin == 0 and not some[0].error:
            first = orjson.loads(lines[0])
            first["response"]["embedding"]["values"][0] = None
            lines[0] = orjson.dumps(first, option=orjson.OPT_APPEND_NEWLINE)
        yield b"".join(lines)
        await asyncio.sleep(0)


def _result(row: Row, fault: JobFault | None, embedder: Embedder) -> bytes:
    if row.error:
        message = {INVALID_ARGUMENT: "Request contains an invalid argument."}.get(
            row.error, "An internal error has occurred."
        )
        told: dict[str, object] = {"key": row.key, "error": {"code": row.error, "message": message}}
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
    scaled = embedder.scaled([row.text], [text_digest(row.text)], row.dimensions)[0]
    # The very numbers that a call is answered with: whole multiples of 1e-8.
    values = scaled / 10**DECIMALS
    if fault is JobFault.FULL_DIMENSIONS:
        values = np.concatenate([values, np.full(MAX_DIMENSIONS - row.dimensions, 0.001)])
    told = {
        "response": {"embedding": {"values": values}, "tokenCount": str(row.tokens)},
        "key": row.key,
    }
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
