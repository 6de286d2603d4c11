"""Where a collection's documents come from: folders, and what ingestions were told of them.

It is kept with the collection, in the ledger and in Chroma's metadata, so that what was left out
stays out, and no run over another folder replaces documents that bear the same names.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias, TypeGuard

from waypoint.settings import CHOICE_NAMES, Attachments, Ocr, Settings
from waypoint.sources.names import name_problem, printable_name

Choice: TypeAlias = tuple[str, ...] | str | int | None

CHOICES: dict[str, Choice] = {name: Settings.model_fields[name].default for name in CHOICE_NAMES}
"""The settings that decide which documents a folder has, with their defaults."""


MAX_ROOT_NAME = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """One folder, and what of it is meant; with a collection's further roots, if it has any."""

    root: str
    """Its path, absolute and without links; the name of it that can be printed."""
    host_root: str = ""
    """In a container, the folder of the host that is mounted there, if that was told."""
    categories: frozenset[str] | None = None
    """The top folders that were ever ingested; None for all there is."""
    choices: Mapping[str, Choice] = field(default_factory=dict)
    """Of ``CHOICES``, those that differ from their defaults."""
    further: Mapping[str, Origin] = field(default_factory=dict)
    """The collection's other roots, by name; none of them has further ones."""

    def selection(self) -> str:
        """Everything but the root, as it is stored: JSON, the same text for the same origin."""
        return json.dumps(self._selection(), sort_keys=True)

    def _selection(self) -> dict[str, object]:
        stored: dict[str, object] = dict(self.choices)
        if self.categories is not None:
            stored["categories"] = sorted(self.categories)
        if self.host_root:
            stored["host_root"] = self.host_root
        if self.further:
            stored["roots"] = {
                name: {"root": root.root, **root._selection()}
                for name, root in self.further.items()
            }
        return stored

    @classmethod
    def stored(cls, root: object, selection: object) -> Origin | None:
        """What was stored; None if there is none. What is no part of a selection says nothing."""
        if not isinstance(root, str) or not root:
            return None
        try:
            found = json.loads(selection) if isinstance(selection, str) else {}
        except (ValueError, RecursionError):
            found = {}
        found = found if isinstance(found, dict) else {}
        further = {}
        roots = found.get("roots")
        for name, each in roots.items() if isinstance(roots, dict) else ():
            path = each.get("root") if isinstance(each, dict) else None
            if isinstance(path, str) and path and not root_name_problem(name):
                further[name] = cls._from_selection(path, each)
        return replace(cls._from_selection(root, found), further=further)

    @classmethod
    def _from_selection(cls, root: str, found: Mapping[str, object]) -> Origin:
        categories, host_root = found.get("categories"), found.get("host_root")
        return cls(
            root,
            host_root if isinstance(host_root, str) else "",
            frozenset(categories) if _are_texts(categories) else None,
            changed_choices({name: _choice(name, found.get(name)) for name in CHOICES}),
        )

    def name_of(self, folder: Origin) -> str | None:
        """Which of the roots a folder is: its name, empty for the first; None for none of them."""
        roots = {"": self, **self.further}
        return next((name for name, root in roots.items() if root.same_root(folder)), None)

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
        """The folders, as a person is told of them."""
        host = f" (on the host {self.host_root})" if self.host_root else ""
        further = "".join(f", and {root} as {name}" for name, root in self.further.items())
        return f"{self.root}{host}{further}"

    def options(self) -> str:
        """What is meant of the folder, as options of ``ingest``; empty if all of it is."""
        categories = sorted(self.categories or ())
        told = [f"--category {shlex.quote(printable_name(name))}" for name in categories]
        return " ".join([*told, *(as_option(name, self.choices[name]) for name in self.choices)])


def root_name_problem(name: str) -> str:
    """Why a further root of a collection cannot have this name; empty if it can."""
    if not name.strip():
        return "it is empty"
    if len(name) > MAX_ROOT_NAME:
        return f"it has {len(name)} characters, at most {MAX_ROOT_NAME} are allowed"
    if "/" in name or "#" in name:
        return "it contains / or #"
    return name_problem(name)


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


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _choice(name: str, value: object) -> Choice:
    """A stored value; the default for one that is none."""
    match name, value:
        case (("include" | "exclude"), list()) if _are_texts(value):
            return tuple(value)
        case (("json_text_field" | "ocr_languages"), str(text)) if text:
            return text
        case "ocr", str(mode) if mode in list(Ocr):
            return Ocr(mode)
        case "attachments", str(mode) if mode in list(Attachments):
            return Attachments(mode)
        case "max_file_size", int(size) if size > 0 and not isinstance(value, bool):
            return size
    return CHOICES[name]
