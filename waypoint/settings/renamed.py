"""Names that settings and options had before: whoever still uses one is told the new one."""

from __future__ import annotations

from collections.abc import Mapping

from waypoint.errors import ConfigurationError, UsageError

VARIABLES = {
    "DRAIN_GRACE": "SHUTDOWN_TIMEOUT",
    "HEALTH_STALL_SECONDS": "STALL_TIMEOUT",
    "STATS_EVERY": "STATS_INTERVAL",
}

OPTIONS = {
    ("ingest", "--prune"): "--allow-mass-delete",
    ("cache", "--prune"): "--drop-unused",
}
"""By command."""

CHECKS = {"paid": "committed"}
"""Of ``verify --check``."""


def refuse_old_variables(variables: Mapping[str, str | None], where: str) -> None:
    """See that no old name is set ``where``; one that is empty says nothing.

    Raises:
        ConfigurationError: naming each, and the new names.
    """
    names = sorted(name for name, value in variables.items() if value)
    old = {name: VARIABLES[name.upper()] for name in names if name.upper() in VARIABLES}
    if old:
        told = [f"{name} in {where} is now called {new}" for name, new in old.items()]
        raise ConfigurationError("; ".join(told), hint="rename it; its meaning is the same")


def refuse_old_option(command: str, option: str) -> None:
    """
    Raises:
        UsageError: the command had this option under another name.
    """
    if new := OPTIONS.get((command, option)):
        raise UsageError(
            f"{option} of {command} is now called {new}", hint=f"use {new}; its meaning is the same"
        )


def refuse_old_check(name: str) -> None:
    """
    Raises:
        UsageError: the check had this name.
    """
    if new := CHECKS.get(name):
        raise UsageError(
            f"the check {name} is now called {new}",
            hint=f"use --check {new}; its meaning is the same",
        )
