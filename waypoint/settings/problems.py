"""What is wrong with a value, where it stands, and what it may be, in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from waypoint.settings.facts import FACTS, SettingFacts
from waypoint.settings.files import TOML_FILE, Line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST_SHOWN = 80
"""Characters of a value."""
_OUT_OF_RANGE = ("greater_than_equal", "greater_than", "less_than_equal")


@dataclass(frozen=True, slots=True)
class Given:
    """What one place says of a setting."""

    value: Any
    origin: str
    """``option``, ``keyword``, ``environment``, ``.env line 3`` or ``waypoint.toml line 3``."""
    shown: str
    """As it stands there: ``--chunk-size 3``, ``.env line 3: CHUNK_SIZE=3``; never a key."""

    @classmethod
    def option(cls, field: str, value: Any) -> Self:
        facts = FACTS[field]
        name = facts.option.partition("/")[0] or facts.variable
        return cls(value, "option", f"{name}{_value(facts, value, ' ')}")

    @classmethod
    def keyword(cls, field: str, value: Any) -> Self:
        return cls(value, "keyword", f"{field}{_value(FACTS[field], value, '=')}")

    @classmethod
    def variable(cls, field: str, name: str, value: str) -> Self:
        return cls(value, "environment", f"{name}{_value(FACTS[field], value, '=')}")

    @classmethod
    def line(cls, field: str, line: Line) -> Self:
        equals = " = " if line.file == TOML_FILE else "="
        origin = f"{line.file} line {line.number}"
        shown = f"{origin}: {line.name}{_value(FACTS[field], line.value, equals)}"
        return cls(line.value, origin, shown)


def told(problem: ErrorDetails, given: Mapping[str, Given]) -> str:
    """One sentence: where the value stands, the value, and what it may be."""
    field = str(problem["loc"][0])
    facts = FACTS[field]
    where = given[field].shown if field in given else facts.variable
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}"
    if problem["type"] in _OUT_OF_RANGE:
        return f"{where}: must be {facts.limits}"
    return f"{where}: must be {', '.join(filter(None, (_kind(facts), facts.limits)))}"


def _kind(facts: SettingFacts) -> str:
    if facts.choices:
        *others, last = facts.choices
        return f"{', '.join(others)} or {last}"
    kinds = {int: "a whole number", float: "a number", bool: "true or false"}
    return kinds.get(facts.kind, "a text")


def _value(facts: SettingFacts, value: Any, equals: str) -> str:
    if facts.secret or isinstance(value, bool):
        return ""
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    if not (shown := str(value).strip()):
        return ""
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    return f"{equals}{shown}"
