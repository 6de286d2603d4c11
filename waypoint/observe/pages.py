"""HTML pages, one file each, made of a Jinja template: every value is sanitized and escaped."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from waypoint.sanitize import sanitize


def render(package: str, template: str, **values: Any) -> str:
    """The page of a template in the folder ``templates`` of a package."""
    environment = Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_sanitized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)


def _sanitized(value: Any) -> Any:
    # What is markup already was made by a macro, of values that were looked at there.
    return sanitize(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
