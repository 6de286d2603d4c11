"""Options that several commands have, and how a setting becomes one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from waypoint.settings import Settings


def described(field: str) -> str:
    """A setting's own words, so that --help never says anything else than what holds."""
    info = Settings.model_fields[field]
    default = info.default
    shown = getattr(default, "value", default)
    parts = [f"[env: {field.upper()}]"]
    if shown is not None and shown != ():
        parts.append(f"[default: {shown}]")
    return f"{info.description}. {' '.join(parts)}"


def setting(field: str, name: str) -> Any:
    """An option of that name for that setting; left out, the environment or ``.env`` holds."""
    return typer.Option(name, help=described(field), show_default=False)


Collection = Annotated[str | None, setting("collection_name", "--collection")]
Model = Annotated[str | None, setting("embedding_model", "--model")]
Dimensions = Annotated[int | None, setting("embedding_dimensions", "--dimensions")]
ChunkSize = Annotated[int | None, setting("chunk_size", "--chunk-size")]
ChunkOverlap = Annotated[int | None, setting("chunk_overlap", "--chunk-overlap")]
MaxFileSize = Annotated[int | None, setting("max_file_size", "--max-file-size")]
JsonTextField = Annotated[str | None, setting("json_text_field", "--json-text-field")]

Json = Annotated[bool, typer.Option("--json", help="Print as JSON on stdout, and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")]
