"""``inspect``: one file as Waypoint sees it. Reads the file, and nothing else."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypoint.cli.options import Json, Verbose, load, takes_settings
from waypoint.errors import DocumentRejectedError, ExitCode, RecordRejectedError, UsageError
from waypoint.observe.terminal import Passage, Terminal, print_json

if TYPE_CHECKING:
    from waypoint.models import Chunk, Document
    from waypoint.settings import Settings


@takes_settings(
    "chunk_size",
    "chunk_overlap",
    "max_file_size",
    "json_text_field",
    "attachments",
    "ocr",
    "ocr_languages",
    "ocr_timeout",
)
def inspect(
    file: Annotated[Path, typer.Argument(help="File to show as Waypoint sees it.")],
    *,
    settings: dict[str, Any],
    json: Json = False,
    verbose: Verbose = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Show a file as Waypoint reads it: metadata, chunks, warnings.

    Its metadata are those of a run over KNOWLEDGE_BASE_PATH, if it lies in that folder, else of
    one over the working folder, if it lies in that, else over its own.
    Records that are rejected are shown among the documents; then the exit code is 1.
    """
    from waypoint.embedding.providers import chosen_model
    from waypoint.ingestion.chunk_setup import build_chunker

    loaded = load(settings)
    chunker = build_chunker(loaded, chosen_model(loaded))
    try:
        contents = _read(file, loaded)
    except DocumentRejectedError as error:
        if json:
            print_json(_reject_as_json(error))
        raise
    rejects = [each for each in contents if isinstance(each, RecordRejectedError)]
    if json:
        documents = [
            _as_json(each, chunker.plan(each).chunks())
            for each in contents
            if not isinstance(each, RecordRejectedError)
        ]
        told = {
            "source": file.name,
            "documents": documents,
            "rejects": [_reject_as_json(error) for error in rejects],
        }
        print_json(told, documents=True)
    else:
        console = Terminal()
        for each in contents:
            if isinstance(each, RecordRejectedError):
                _print_reject(console, each)
            else:
                _print_document(console, each, chunker.plan(each).chunks())
    raise typer.Exit(ExitCode.INCOMPLETE if rejects else ExitCode.OK)


def _read(path: Path, settings: Settings) -> list[Document | RecordRejectedError]:
    from waypoint.ingestion import runtime
    from waypoint.ingestion.single_files import check_file
    from waypoint.models import SourceFile
    from waypoint.sources.kinds import open_source
    from waypoint.sources.port import FileContent, Root
    from waypoint.sources.sidecars import sidecars_of

    if os.path.isdir(path):  # noqa: PTH112 - a name that is too long is no folder either
        raise UsageError(
            f"{str(path)!r} is a folder",
            hint="give the path of a file; `waypoint ingest --dry-run` counts what a folder has",
        )
    check_file(path)
    root = _root_of(path, settings)
    sidecars = sidecars_of(root, path.absolute().relative_to(root).as_posix())
    # Its size and version don't matter: they are taken anew at the reading.
    file = SourceFile(path.name, path.absolute(), 0, "", sidecars)
    settings = settings.model_copy(update={"knowledge_base_path": root})
    source = open_source([Root("", settings)])
    source.check_readers()

    async def read() -> FileContent:
        async with source.open() as reader:
            return (await reader.read([file]))[0]

    content = runtime.run(read)
    if isinstance(content, DocumentRejectedError):
        raise content
    return list(content)


def _root_of(path: Path, settings: Settings) -> Path:
    """The folder that a run over it would be over, as far as that can be told."""
    file = path.absolute()
    folders = settings.knowledge_base_path.absolute(), Path.cwd()
    return next((folder for folder in folders if folder in file.parents), file.parent)


def _reject_as_json(error: DocumentRejectedError) -> dict[str, Any]:
    return {"source": error.source, "reason": error.reason, "hint": error.hint}


def _as_json(document: Document, chunks: list[Chunk]) -> dict[str, Any]:
    return {
        "source": document.source,
        "doc_id": document.doc_id,
        "format": document.format,
        "encoding": document.encoding,
        "title": document.title,
        "metadata": dict(document.metadata),
        "sidecars": [sidecar.source for sidecar in document.file.sidecars],
        "warnings": document.warnings,
        "characters": len(document.text),
        "headings": [asdict(heading) for heading in document.headings],
        "pages": document.pages,
        "blocks": [asdict(block) for block in document.blocks],
        "chunks": [
            {"id": chunk.id, "text": chunk.text, "metadata": chunk.metadata} for chunk in chunks
        ],
    }


def _print_document(console: Terminal, document: Document, chunks: list[Chunk]) -> None:
    kinds = Counter(block.kind for block in document.blocks)
    counts = {
        "characters": len(document.text),
        "chunks": len(chunks),
        "headings": len(document.headings),
        "tables": kinds["table"],
        "blocks of code": kinds["code"],
        "pages": len(document.pages),
    }
    head = Passage(document.source, style="bold")
    head.append(f"  {document.format}", style="cyan")
    console.tell(head)
    _print_field(console, "title", document.title)
    _print_field(console, "doc_id", document.doc_id)
    if document.encoding not in ("", "utf-8"):
        _print_field(console, "encoding", document.encoding)
    told = [f"{count:,} {name}" for name, count in counts.items() if count or name == "chunks"]
    _print_field(console, "holds", ", ".join(told))
    for sidecar in document.file.sidecars:
        _print_field(console, "metadata from", sidecar.source)
    for name, value in document.metadata.items():
        _print_field(console, name, str(value))
    for warning in document.warnings:
        _print_field(console, "warning", warning, style="yellow")
    for chunk in chunks:
        _print_chunk(console, chunk)
    console.print()


def _print_reject(console: Terminal, error: RecordRejectedError) -> None:
    head = Passage(error.source, style="bold")
    head.append("  rejected", style="red")
    console.tell(head)
    _print_field(console, "reason", error.reason, style="yellow")
    if error.hint:
        _print_field(console, "hint", error.hint)
    console.print()


def _print_field(console: Terminal, name: str, value: str, *, style: str = "") -> None:
    line = Passage(f"  {name}: ", style=style or "dim")
    line.append(value, style=style or "default")
    console.tell(line)


def _print_chunk(console: Terminal, chunk: Chunk) -> None:
    about = chunk.metadata
    start, end = about["char_start"], about["char_end"]
    parts = [
        f"chunk {about['chunk_index']}",
        f"{start} to {end}",
        f"{len(chunk.text):,} characters",
    ]
    parts += [f"{name} {about[name]}" for name in ("page", "sheet", "time") if name in about]
    path = about.get("heading_path") or " > ".join(
        str(about[name]) for name in ("section_header", "subsection_header") if about.get(name)
    )
    if path:
        parts.append(str(path))
    console.tell(Passage("── " + " · ".join(parts), style="green"))
    console.tell(Passage(chunk.text))
