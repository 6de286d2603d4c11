"""Jupyter notebooks: Markdown and code cells in their order, with what the code printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import TextBuilder
from waypoint.formats.markup.markdown import find_structure
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import normalise_text, read_text

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours of a terminal, which programs print to it."""


class NotebookReader:
    """Reads notebooks of the formats 3 and 4. Images are left out, and told."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        decoded = read_text(source, data)
        try:
            notebook = json.loads(decoded.text)
        except (ValueError, RecursionError) as error:
            raise _no_notebook(source, "not JSON, or nested too deeply") from error
        cells = list(_cells(notebook))
        if not cells and not (isinstance(notebook, dict) and "cells" in notebook):
            raise _no_notebook(source, "it has no cells")
        builder = TextBuilder(source)
        builder.warnings += decoded.warnings
        about = _mapping(notebook.get("metadata"))
        language = _language(about)
        for number, cell in enumerate(cells, 1):
            _write(builder, cell, number, language, source)
        return builder.parsed(_fields(about))


def _no_notebook(source: str, reason: str) -> DocumentRejectedError:
    return DocumentRejectedError(
        source, f"not a notebook: {reason}", hint="open it in Jupyter and save it anew"
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _cells(notebook: Any) -> Iterator[dict[str, Any]]:
    holders = [notebook]
    if isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):
        holders += notebook["worksheets"]
    for holder in holders:
        cells = _mapping(holder).get("cells")
        for cell in cells if isinstance(cells, list) else ():
            if isinstance(cell, dict):
                yield cell


def _write(
    builder: TextBuilder, cell: dict[str, Any], number: int, language: str, source: str
) -> None:
    text = _joined(cell.get("source", cell.get("input")))
    match cell.get("cell_type"):
        case "markdown":
            body = normalise_text(text, source=source).strip("\n")
            structure = find_structure(body)
            builder.embed(
                ParsedDocument(
                    body,
                    structure.headings,
                    blocks=structure.blocks,
                    warnings=structure.warnings,
                )
            )
            if cell.get("attachments"):
                builder.losses.add("images not read", "cell", number)
        case "heading":
            level = cell.get("level")
            builder.heading(level if isinstance(level, int) and level > 0 else 1, text)
        case "code":
            builder.code(text, language)
            outputs = cell.get("outputs")
            for output in outputs if isinstance(outputs, list) else ():
                _write_output(builder, _mapping(output), number)
        case _:
            builder.paragraph(text)


def _write_output(builder: TextBuilder, output: dict[str, Any], number: int) -> None:
    data = _mapping(output.get("data", output))
    if output.get("output_type") in ("error", "pyerr"):
        text = f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
    else:
        text = _joined(output.get("text")) or _joined(data.get("text/plain"))
    # A picture's text is what it is an object of: <Figure size 640x480>.
    if any(name in ("png", "jpeg", "svg") or name.startswith("image/") for name in data):
        builder.losses.add("images not read", "cell", number)
        return
    builder.code(_ESCAPES.sub("", text))


def _joined(text: Any) -> str:
    """Notebooks hold a text, or a list of its lines."""
    if isinstance(text, list):
        return "".join(line for line in text if isinstance(line, str))
    return text if isinstance(text, str) else ""


def _language(about: dict[str, Any]) -> str:
    for name in ("language_info", "kernelspec"):
        part = _mapping(about.get(name))
        language = part.get("name" if name == "language_info" else "language")
        if isinstance(language, str) and re.fullmatch(r"[\w+#.-]{1,30}", language):
            return language
    return ""


def _fields(about: dict[str, Any]) -> FieldCollector:
    fields = FieldCollector()
    fields.add("title", _joined(about.get("title")))
    authors = about.get("authors")
    names = [_mapping(each).get("name") for each in authors] if isinstance(authors, list) else []
    fields.add("author", ", ".join(name for name in names if isinstance(name, str)))
    return fields
