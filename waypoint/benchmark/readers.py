"""What each format's reader makes of a folder of files: speed, rejects, and words."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.benchmark.sweep import Tell
from waypoint.benchmark.tables import MB, Grid
from waypoint.errors import DocumentRejectedError, UsageError
from waypoint.formats import default_registry
from waypoint.formats.registry import ParsedDocument

PLACE = "{}"
"""Stands for the file in another reader's command."""
_WORD = re.compile(r"\w+")
_TIMEOUT = 60.0
"""Seconds that another reader may take for a file."""


@dataclass(slots=True)
class FormatFigures:
    """Of all files of one format."""

    format: str
    files: int = 0
    rejected: int = 0
    with_warnings: int = 0
    bytes: int = 0
    characters: int = 0
    cpu: float = 0.0
    """Seconds of reading alone, after its library was imported."""
    other_failed: int = 0
    """Files that the other reader gave no text of; they aren't compared."""
    words: int = 0
    """Of the other reader."""
    missing: int = 0
    """Of those words, as often as they are there more often than here."""
    extra: int = 0
    """Words that the other reader doesn't have."""


def read_folder(folder: Path, beside: str, tell: Tell) -> list[FormatFigures]:
    """Read all files below ``folder`` in this process; they are not to be hostile.

    ``beside``: the command of another reader, which writes a file's text to its output.

    Raises:
        UsageError: the folder has no file that is read, or the command isn't one.
    """
    command = shlex.split(beside)
    if command and PLACE not in beside:
        raise UsageError(
            f"--beside: {beside!r} doesn't say where the file goes",
            hint=f"write {PLACE} in its place: --beside 'pdftotext {PLACE} -'",
        )
    registry = default_registry()
    found: dict[str, FormatFigures] = {}
    for path in sorted(folder.rglob("*")):
        if registry.supports(path.name) and path.is_file():
            name = registry.format_of(path.name).name
            _read(path, found.setdefault(name, FormatFigures(name)), command)
    if not found:
        raise UsageError(
            f"{str(folder)!r} has no file of a format that is read",
            hint="give a folder of documents",
        )
    tell(f"read: {sum(each.files for each in found.values()):,} files")
    return list(found.values())


def readers_grid(figures: Sequence[FormatFigures]) -> Grid:
    """A row for each format."""
    columns: tuple[str, ...]
    columns = ("format", "files", "rejected", "with warnings", "MB", "MB/s", "M characters/s")
    compared = any(each.words for each in figures)
    if compared:
        columns += ("words of the other", "missing here", "only here", "not read by it")
    rows = []
    for each in figures:
        cpu = max(each.cpu, 1e-9)
        row = [
            each.format, f"{each.files:,}", f"{each.rejected:,}", f"{each.with_warnings:,}",
            f"{each.bytes / MB:.2f}", f"{each.bytes / MB / cpu:.1f}",
            f"{each.characters / 1e6 / cpu:.1f}",
        ]  # fmt: skip
        if compared:
            counts = (each.words, each.missing, each.extra, each.other_failed)
            row += [f"{count:,}" for count in counts]
        rows.append(row)
    return Grid("Readers: CPU time of one core", columns, rows)


def _read(path: Path, figures: FormatFigures, command: Sequence[str]) -> None:
    data = path.read_bytes()
    reader = default_registry().reader_of(path.name)
    began = time.process_time()
    try:
        parsed = reader.read(path.name, data)
    except DocumentRejectedError:
        parsed = ()
        figures.rejected += 1
    figures.cpu += time.process_time() - began
    several = (parsed,) if isinstance(parsed, ParsedDocument) else parsed
    documents = [each for each in several if isinstance(each, ParsedDocument)]
    figures.files += 1
    figures.bytes += len(data)
    figures.with_warnings += any(each.warnings for each in documents)
    figures.characters += sum(len(each.text) for each in documents)
    if command and documents:
        other = _words(_text_of(path, command))
        ours = _words("\n".join(each.text for each in documents))
        figures.other_failed += not other
        if other:
            figures.words += other.total()
            figures.missing += (other - ours).total()
            figures.extra += (ours - other).total()


def _text_of(path: Path, command: Sequence[str]) -> str:
    """What the other reader says; empty if it fails.

    Raises UsageError if there is no such program.
    """
    asked = [part.replace(PLACE, str(path.resolve())) for part in command]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            asked, capture_output=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        raise UsageError(
            f"--beside: {command[0]!r} does not start: {error.strerror}",
            hint="install it, or name another reader",
        ) from error
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _words(text: str) -> Counter[str]:
    """In small letters, ligatures resolved."""
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
