"""Where a collection's documents come from: the folder, and what ingestions were told of it.

It is kept with the collection, in the ledger and in Chroma's metadata, so that what was left out
stays out, and no run over another folder replaces documents that bear the same names.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from waypoint.settings import CHOICE_NAMES, Settings
from waypoint.sources.names import printable_name

Choice: TypeAlias = tuple[str, ...] | str | int | None

CHOICES: dict[str, Choice] = {name: Settings.model_fields[name].default for name in CHOICE_NAMES}
"""The settings that decide which documents a folder has, with their defaults."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One folder, and what of it is meant."""

    root: str
    """Its path, absolute and without links; the name of it that can be printed."""
    host_root: str = ""
    """In a container, the folder of the host that is mounted there, if that was told."""
    categories: frozenset[str] | None = None
    """The top folders that were ever ingested; None for all there is."""
    choices: Mapping[str, Choice] = field(default_factory=dict)
    """Of ``CHOICES``, those that differ from their defaults."""

    def selection(self) -> str:
        """Everything but the root, as it is stored: JSON, the same text for the same origin."""
        stored: dict[str, object] = dict(self.choices)
        if self.categories is not None:
            stored["categories"] = sorted(self.categories)
        if self.host_root:
            stored["host_root"] = self.host_root
        return json.dumps(stored, sort_keys=True)

    @classmethod
    def stored(cls, root: object, selection: object) -> Origin | None:
        """What was stored; None if there is none. What is no part of a selection says nothing."""
        if not isinstance(root, str) or not root:
            return None
        try:
            found = json.loads(selection) if isinstance(selection, str) else {}
        except (ValueError, RecursionError):
            found = {}
        if not isinstance(found, dict):
            found = {}
        categories, host_root = found.get("categories"), found.get("host_root")
        return cls(
            root,
            host_root if isinstance(host_root, str) else "",
            frozenset(categories or ()) if _are_texts(categories) else None,
            changed_choices({name: _choice(name, found.get(name)) for name in CHOICES}),
        )

    def same_root(self, other: Origin) -> bool:
        """Whether both are one folder: by its path, or by what lies at both paths now."""
        if self.host_root and other.host_root and self.host_root != other.host_root:
            return False
        if self.root == other.root:
            return True
        try:
            # By another mount of the same file system, or another spelling where case is nothing.
            return Path(self.root).samefile(other.root)
        except (OSError, ValueError):
            return False

    def __str__(self) -> str:
        """The folder, as a person is told of it."""
        return f"{self.root} (on the host {self.host_root})" if self.host_root else self.root

    def options(self) -> str:
        """What is meant of the folder, as options of ``ingest``; empty if all of it is."""
        categories = sorted(self.categories or ())
        told = [f"--category {shlex.quote(printable_name(name))}" for name in categories]
        return " ".join([*told, *(as_option(name, self.choices[name]) for name in self.choices)])


def changed_choices(choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Those that differ from the defaults, in the order of ``CHOICES``."""
    return {
        name: choices[name]
        for name, default in CHOICES.items()
        if name in choices and choices[name] != default
    }


def as_option(name: str, value: Choice) -> str:
    """``--exclude '*.tmp' --exclude old/``."""
    option = f"--{name.replace('_', '-')}"
    values: Sequence[object] = (value or ("",)) if isinstance(value, tuple) else (value or "",)
    return " ".join(f"{option} {shlex.quote(printable_name(str(each)))}" for each in values)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _choice(name: str, value: object) -> Choice:
    """A stored value; the default for one that is none."""
    match name, value:
        case (("include" | "exclude"), list()) if _are_texts(value):
            return tuple(value)
        case "json_text_field", str(text) if text:
            return text
        case "max_file_size", int(size) if size > 0 and not isinstance(value, bool):
            return size
    return CHOICES[name]
