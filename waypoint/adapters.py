"""Adapters stand in tables, by name, and are imported when one is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from waypoint.errors import ConfigurationError

Entry = TypeVar("Entry")


def entry_of(table: Mapping[str, Entry], name: str, variable: str, kind: str) -> Entry:
    """The entry of that name.

    ``variable``: the setting that gives it. ``kind``: what the entries are, as ``a provider``.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        return table[name]
    except KeyError:
        raise ConfigurationError(
            f"{variable} is {name!r}: not {kind} that Waypoint knows",
            hint=f"use one of: {', '.join(table)}",
        ) from None


def imported(place: str) -> Any:
    """What stands at ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
