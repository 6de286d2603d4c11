"""Where in its document a chunk stands, in words."""

from __future__ import annotations

from waypoint.models import Metadata


def heading_of(metadata: Metadata) -> str:
    """The headings above a chunk, the outermost first; empty if there are none."""
    path = metadata.get("heading_path")
    if isinstance(path, str) and path:
        return path
    names = ("section_header", "subsection_header")
    return " > ".join(str(metadata[name]) for name in names if metadata.get(name))
