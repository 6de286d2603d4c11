"""What is asked of one ingestion, beyond the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from waypoint.sources.origin import Origin


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What the command line says of one run alone."""

    simulate: bool = False
    category: str | None = None
    """Ingest only this top folder."""
    allow_mass_delete: bool = False
    clear: bool = False
    """Start the collection anew."""
    rebuild: bool = False
    """Its index was found to be broken: write it anew from what is stored."""
    root_moved: bool = False
    """The folder is the collection's, at another place."""
    root_name: str | None = None
    """Of the folder, if it is one of a collection's further ones."""
    further_paths: tuple[Path, ...] = ()
    """Folders beside that of the settings; each has the name of the folder, but the first."""
    files: tuple[Path, ...] = ()
    """Only these documents, of the folder they lie in; nothing is removed."""
    reread: bool = False
    """Read documents anew that an earlier version of their reader made."""
    retry_rejects: bool = False
    """Send rejected texts again."""
    detach: bool = False
    """Do not wait for batch jobs."""
    survey: bool = False
    """Count the folder first, for a progress display that knows the whole."""
    repaired: Origin | None = None
    """What a verification was over: just that is ingested again, whatever the settings say."""
