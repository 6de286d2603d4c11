"""From a file that was found to a document."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath

from waypoint.errors import DocumentRejectedError
from waypoint.models import Document, MetadataValue, SourceFile
from waypoint.sources.registry import ParsedDocument, ReaderRegistry
from waypoint.sources.snapshot import take_snapshot

DOC_ID_CHARACTERS = 64
_HASH_CHARACTERS = 8


def read_document(file: SourceFile, *, registry: ReaderRegistry, max_file_size: int) -> Document:
    """Read and parse a file. ``Document.file`` has the size and times of this reading.

    A file without text is a document with an empty text and a warning. Beside what the document
    says about itself, its metadata says its ``format``, as the registry names it.

    Raises DocumentRejectedError, and nothing else.
    """
    snapshot = take_snapshot(file, max_file_size=max_file_size)
    parsed = _parse(file.source, snapshot.data, registry)
    format_name = registry.format_of(file.source).name
    metadata: dict[str, MetadataValue] = {"format": format_name}
    metadata.update(parsed.metadata or {})
    empty = not parsed.text.strip()
    return Document(
        file=snapshot.file,
        doc_id=make_doc_id(file.source),
        title=_title(file.source, parsed),
        text="" if empty else parsed.text,
        headings=() if empty else parsed.headings,
        metadata=metadata,
        digest=hashlib.sha256(snapshot.data).hexdigest(),
        read_at_ns=snapshot.read_at_ns,
        warnings=(*parsed.warnings, "no text in it") if empty else parsed.warnings,
        format=format_name,
        pages=() if empty else parsed.pages,
        blocks=() if empty else parsed.blocks,
    )


def make_doc_id(source: str) -> str:
    """A name for a source: ASCII ``[a-z0-9_-]``, at most 64 characters.

    The path without its suffix, in lower case, with ``-`` for ``/``: ``a/b.md`` is ``a-b``. If
    the source cannot be told from that alone (another suffix, another character, too long), the
    first eight hexadecimal digits of its SHA-256 follow: ``a/b.txt`` is ``a-b-5550000d``.
    """
    path = str(PurePosixPath(source).with_suffix(""))
    ascii_path = unicodedata.normalize("NFKD", path).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_]+", "-", ascii_path.lower()).strip("-")
    if len(slug) <= DOC_ID_CHARACTERS and f"{slug.replace('-', '/')}.md" == source:
        return slug
    digest = hashlib.sha256(source.encode()).hexdigest()[:_HASH_CHARACTERS]
    kept = slug[: DOC_ID_CHARACTERS - _HASH_CHARACTERS - 1].rstrip("-")
    return f"{kept}-{digest}" if kept else digest


def _parse(source: str, data: bytes, registry: ReaderRegistry) -> ParsedDocument:
    if not registry.supports(source):
        raise DocumentRejectedError(source, "no reader for its format")
    reader = registry.reader_of(source)
    try:
        return reader.read(source, data)
    except DocumentRejectedError:
        raise
    except Exception as error:  # a parser's fault costs the document it stumbled over, not the run
        raise DocumentRejectedError(
            source, f"its reader failed: {type(error).__name__}: {error}"
        ) from error


def _title(source: str, parsed: ParsedDocument) -> str:
    first_h1 = next((each.title for each in parsed.headings if each.level == 1 and each.title), "")
    return parsed.title or first_h1 or PurePosixPath(source).stem
