"""What is said of each setting: for options, their help, and the tests that hold documents to it.

Nothing here states a fact: all are read from ``Settings``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from waypoint.settings.choices import Group
from waypoint.settings.model import MOST, Settings


@dataclass(frozen=True, slots=True)
class SettingFacts:
    """One setting, as users meet it."""

    name: str
    """The field of ``Settings``."""
    group: Group
    option: str
    """``--name``, ``--name/--no-name``, ``PATH``; empty for a variable alone."""
    kind: Any
    """The type of the option's value; a list may be given several times."""
    help: str
    default: str
    """As it is shown; empty for none."""
    range: str
    """``1 to 100``; empty where a bound is missing or is merely large."""
    limits: str
    """``1 to 100``, ``0 or more``, ``more than 0, at most 600``; empty for none."""
    internal: bool
    """Set by the image and the compose file, not by users."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it may be; none where it is no such setting."""
        is_choice = isinstance(self.kind, type) and issubclass(self.kind, StrEnum)
        return tuple(self.kind) if is_choice else ()

    @property
    def secret(self) -> bool:
        """Whether its value is never shown."""
        return self.kind is SecretStr

    @property
    def variable(self) -> str:
        return self.name.upper()

    @property
    def told(self) -> str:
        """The help of its option."""
        parts = [f"env: {self.variable}"]
        if self.range:
            parts.append(f"range: {self.range}")
        if self.default:
            parts.append(f"default: {self.default}")
        return f"{self.help}. {' '.join(f'[{part}]' for part in parts)}"


def _facts(name: str, field: FieldInfo) -> SettingFacts:
    about = field.json_schema_extra
    assert isinstance(about, dict)
    option, unset = str(about["option"]), str(about["unset"])
    help_ = str(field.description)
    bounds = {
        bound: getattr(limit, bound)
        for limit in field.metadata
        for bound in ("ge", "gt", "le")
        if hasattr(limit, bound)
    }
    return SettingFacts(
        name,
        Group(str(about["group"])),
        option,
        _kind(field.annotation),
        help_,
        unset or _shown(field.default),
        _range(bounds),
        _limits(bounds),
        bool(about["internal"]),
    )


def _kind(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    if get_origin(annotation) is tuple:
        return list[str]
    # A number or a word is a word until the settings have checked it.
    return kinds[0] if len(kinds) == 1 else str


def _shown(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def _range(bounds: Mapping[str, float]) -> str:
    least, most = bounds.get("ge"), bounds.get("le")
    return "" if least is None or most in (None, MOST) else f"{least} to {most}"


def _limits(bounds: Mapping[str, float]) -> str:
    if both := _range(bounds):
        return both
    lower = f"{bounds['ge']} or more" if "ge" in bounds else ""
    above = f"more than {bounds['gt']}" if "gt" in bounds else ""
    upper = f"at most {bounds['le']}" if "le" in bounds else ""
    return ", ".join(filter(None, (lower, above, upper)))


FACTS = {name: _facts(name, field) for name, field in Settings.model_fields.items()}
