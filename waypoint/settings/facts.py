"""What is said of each setting: for options, their help, and the tests that hold documents to it.

Nothing here states a fact: all are read from ``Settings``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from waypoint.settings.model import MOST, Settings


@dataclass(frozen=True, slots=True)
class SettingFacts:
    """One setting, as users meet it."""

    name: str
    """The field of ``Settings``."""
    option: str
    """``--name``, ``--name/--no-name``, ``PATH``; empty for a variable alone."""
    kind: Any
    """The type of the option's value; a list may be given several times."""
    help: str
    default: str
    """As it is shown; empty for none."""
    range: str
    """``1 to 100``; empty where a bound is missing or is merely large."""

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
    return SettingFacts(
        name, option, _kind(field.annotation), help_, unset or _shown(field.default), _range(field)
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


def _range(field: FieldInfo) -> str:
    bounds = {
        bound: getattr(limit, bound)
        for limit in field.metadata
        for bound in ("ge", "le")
        if hasattr(limit, bound)
    }
    least, most = bounds.get("ge"), bounds.get("le")
    return "" if least is None or most in (None, MOST) else f"{least} to {most}"


FACTS = {name: _facts(name, field) for name, field in Settings.model_fields.items()}
