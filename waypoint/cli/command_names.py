"""Commands that messages name, as one types them here: in a container, by Docker Compose."""

from __future__ import annotations

import os
import re

_SERVICES = {"ingest": "ingestion", "verify": "verify", "benchmark": "benchmark"}
"""The services that are one command each; the worker's image has them all."""
_NAMED = re.compile(r"`waypoint (\w+)")


def as_typed(message: str) -> str:
    """``message``, with each `` `waypoint ingest …` `` in it as it is run here."""
    # Set by the image alone. Asked of the environment: the settings may be what is wrong.
    return _NAMED.sub(_composed, message) if os.environ.get("IN_CONTAINER") == "true" else message


def _composed(named: re.Match[str]) -> str:
    command = named[1]
    service = _SERVICES.get(command, f"--entrypoint waypoint ingestion {command}")
    return f"`docker compose run --rm {service}"
