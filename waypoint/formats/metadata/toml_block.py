"""A block of TOML, read as plain data within bounds that keep it harmless."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal

from waypoint.formats.metadata.fields import MAX_CHARACTERS, FieldCollector, RefusedError

_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){500}""")
"""tomllib's time grows with the square of a key's parts: 20 s for 30,000."""
_PLACE = re.compile(r"\(at line (\d+), column \d+\)\Z")


def mapping_items(block: str, _fields: FieldCollector) -> Iterator[tuple[object, object]]:
    """The top-level keys and values.

    Raises RefusedError for what is malformed, nested too deeply, or has more than
    ``MAX_CHARACTERS``.
    """
    if len(block) > MAX_CHARACTERS:
        raise RefusedError(f"it has {len(block):,} characters, at most {MAX_CHARACTERS:,}")
    if _DEEP_KEY.search(block):
        raise RefusedError("nested too deeply")
    try:
        yield from tomllib.loads(block, parse_float=_number).items()
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        # One for the opening line.
        line = f" at line {int(place[1]) + 1}" if place else ""
        raise RefusedError(f"malformed TOML{line}") from error
    except RecursionError as error:
        raise RefusedError("nested too deeply") from error
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise RefusedError("malformed TOML") from error


def _number(written: str) -> float | str:
    """What is written stays where a float would be another number."""
    number = float(written)
    if written.lstrip("+-") in ("inf", "nan"):
        return number
    return number if Decimal(repr(number)) == Decimal(written.replace("_", "")) else written
