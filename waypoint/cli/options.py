"""Options that several commands have, and how a setting becomes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from waypoint.settings import CHOICE_NAMES, Settings

if TYPE_CHECKING:
    from typer._click.core import Context


class StrictCommand(TyperCommand):
    """A command that takes no empty value: ``ingest "$DIR"`` where DIR is not set means no folder.

    Asked here, since a ``Path`` made of nothing is the working folder. Only what decides which
    documents there are may be empty: so it is taken back.
    """

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """As the base class. Raises BadParameter for an empty value."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.params:
            value = given.get(parameter.name or "")
            values = value if isinstance(value, list | tuple) else [value]
            empty = any(isinstance(each, str) and not each.strip() for each in values)
            if empty and parameter.name not in CHOICE_NAMES:
                raise typer.BadParameter("it is empty", param_hint=repr(parameter.opts[0]))
        return super().parse_args(ctx, args)


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
