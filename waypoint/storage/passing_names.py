"""Names of the collections that are there only while a damaged one is rebuilt."""

from __future__ import annotations

import hashlib

_BESIDE, _REPLACED = "waypoint-beside-", "waypoint-replaced-"


def beside(name: str) -> str:
    """Of the collection that is to take the place of ``name``, while it is filled."""
    return _BESIDE + _digits(name)


def replaced(name: str) -> str:
    """Of the one whose place was taken, until it is deleted."""
    return _REPLACED + _digits(name)


def is_passing(name: str) -> bool:
    """Whether it is one of these."""
    return name.startswith((_BESIDE, _REPLACED))


def _digits(name: str) -> str:
    # A name has at most 512 characters, so that it has no room for more.
    return hashlib.sha256(name.encode()).hexdigest()[:16]
