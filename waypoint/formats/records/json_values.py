"""JSON as Python values, with numbers that stay what was written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


class RecordError(Exception):
    """One record cannot be a document; the message says why."""


def load_json(text: str, doubled: Callable[[], None] = lambda: None) -> Any:
    """``doubled`` is called for each object that gives a name twice. Raises RecordError."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            doubled()
        return found

    try:
        return json.loads(
            text,
            object_pairs_hook=made,
            parse_float=number_as_written,
            parse_constant=WrittenNumber,
        )
    except json.JSONDecodeError as error:
        line = f"line {error.lineno:,}, " if "\n" in text else ""
        raise RecordError(f"{error.msg} at {line}column {error.colno:,}") from error
    except RecursionError as error:
        raise RecordError("nested too deeply") from error
    except ValueError as error:
        raise RecordError("Exceeds the limit of a number's digits") from error


def number_as_written(written: str) -> float | WrittenNumber:
    """A number of JSON; as it is written where a float would be shown otherwise."""
    number = float(written)
    return number if repr(number) == written else WrittenNumber(written)


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number whose digits say more than a float would: 1.10, 1e400, 0.12345678901234567890."""

    written: str

    def __str__(self) -> str:
        return self.written

    def value(self) -> float | str:
        """A float if it is the same number."""
        number = float(self.written)
        if not math.isfinite(number) or Decimal(repr(number)) != Decimal(self.written):
            return self.written
        return number


def with_plain_numbers(value: Any) -> Any:
    """The value with floats for WrittenNumbers, or texts where these would be other numbers."""
    if isinstance(value, WrittenNumber):
        return value.value()
    if isinstance(value, dict):
        return {key: with_plain_numbers(inner) for key, inner in value.items()}
    return [with_plain_numbers(inner) for inner in value] if isinstance(value, list) else value
