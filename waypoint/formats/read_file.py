"""From a file that was found to a document."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from waypoint.errors import DocumentRejectedError, RecordRejectedError, described
from waypoint.formats.losses import bounded
from waypoint.formats.registry import ParsedDocument, ReaderRegistry, RejectedRecord
from waypoint.formats.sidecars import NO_FIELDS, SidecarFields
from waypoint.models import Document, Heading, SourceFile, source_of
from waypoint.sources.snapshot import Snapshot, take_snapshot

DOC_ID_CHARACTERS = 64
TITLE_CHARACTERS = 512
"""Each chunk's metadata has the title; a heading can be as long as its document."""
_HASH_CHARACTERS = 8


def read_documents(
    file: SourceFile,
    *,
    registry: ReaderRegistry,
    max_file_size: int,
    given: SidecarFields = NO_FIELDS,
) -> list[Document | RecordRejectedError]:
    """Read and parse a file: one document, or one for each record of a file of records.

    At least one; all have the same ``file``, with the size and version of this reading. In the
    place of a record that cannot be a document stands why. No two have the same source. A file
    without text is a document with an empty text and a warning. Beside what a document says
    about itself, its metadata says its ``format``, as the registry names it, and what is
    ``given`` by sidecars.

    Raises DocumentRejectedError, and nothing else.
    """
    return documents_of(take_snapshot(file, max_file_size=max_file_size), registry, given)


def documents_of(
    snapshot: Snapshot, registry: ReaderRegistry, given: SidecarFields = NO_FIELDS
) -> list[Document | RecordRejectedError]:
    """``read_documents`` for bytes, wherever they are from."""
    file = snapshot.file
    parts = _parse(file.source, snapshot.data, registry)
    file_digest = hashlib.sha256(snapshot.data).hexdigest()
    return [
        _rejected(part, source_of(file.source, part.attachment, record))
        if isinstance(part, RejectedRecord)
        else _document(part, snapshot, registry, given, record, part.digest or file_digest)
        for part, record in zip(parts, _records(file.source, parts, registry), strict=True)
    ]


def read_document(file: SourceFile, *, registry: ReaderRegistry, max_file_size: int) -> Document:
    """``read_documents`` for a file of one document.

    Raises DocumentRejectedError, and nothing else; also where there are several documents.
    """
    documents = read_documents(file, registry=registry, max_file_size=max_file_size)
    if len(documents) > 1:
        raise DocumentRejectedError(file.source, f"{len(documents):,} documents in one file")
    (document,) = documents
    if isinstance(document, RecordRejectedError):
        raise document
    return document


def _rejected(part: RejectedRecord, source: str) -> RecordRejectedError:
    return RecordRejectedError(source, part.reason, hint=part.hint, identified=part.identified)


def _document(
    parsed: ParsedDocument,
    snapshot: Snapshot,
    registry: ReaderRegistry,
    given: SidecarFields,
    record: str,
    digest: str,
) -> Document:
    source = source_of(snapshot.file.source, parsed.attachment)
    made_by = registry.format_of(source)
    said_title, metadata, warnings = given.merged_with(parsed, made_by)
    empty = not parsed.text.strip()
    if empty and not parsed.to_recognise:
        warnings = (*warnings, "no text in it")
    return Document(
        file=snapshot.file,
        doc_id=make_doc_id(source, record),
        title=_title(source, record, said_title, parsed.headings),
        text="" if empty else parsed.text,
        headings=() if empty else parsed.headings,
        metadata={"format": made_by.name, **metadata},
        digest=digest,
        sidecar_digest=given.digest(),
        warnings=bounded((*parsed.warnings, *warnings)),
        format=made_by.name,
        is_markdown=made_by.markdown,
        reader=registry.name_of(made_by, parsed),
        to_recognise=parsed.to_recognise,
        pages=() if empty else parsed.pages,
        places=() if empty else parsed.places,
        blocks=() if empty else parsed.blocks,
        attachment=parsed.attachment,
        record=record,
        encoding=parsed.encoding,
    )


def make_doc_id(source: str, record: str = "") -> str:
    """A name for a source: ASCII ``[a-z0-9_-]``, at most 64 characters.

    The path without its suffix, in lower case, with ``-`` for ``/``: ``a/b.md`` is ``a-b``. If
    the source cannot be told from that alone (another suffix, another character, a record, too
    long), the first eight hexadecimal digits of its SHA-256 follow: ``a/b.txt`` is
    ``a-b-5550000d``.
    """
    path = str(PurePosixPath(source).with_suffix(""))
    if record:
        path, source = f"{path}-{record}", f"{source}#{record}"
    ascii_path = unicodedata.normalize("NFKD", path).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_]+", "-", ascii_path.lower()).strip("-")
    if len(slug) <= DOC_ID_CHARACTERS and f"{slug.replace('-', '/')}.md" == source:
        return slug
    digest = hashlib.sha256(source.encode()).hexdigest()[:_HASH_CHARACTERS]
    kept = slug[: DOC_ID_CHARACTERS - _HASH_CHARACTERS - 1].rstrip("-")
    return f"{kept}-{digest}" if kept else digest


def _parse(
    source: str, data: bytes, registry: ReaderRegistry
) -> Sequence[ParsedDocument | RejectedRecord]:
    if not registry.supports(source):
        suffix = PurePosixPath(source).suffix.lower()
        raise DocumentRejectedError(
            source,
            f"no reader for {suffix}" if suffix else "no reader for files without a suffix",
            hint="save it in a format that is read (docs/formats.md lists them)",
        )
    reader = registry.reader_of(source)
    try:
        parsed = reader.read(source, data)
    except (DocumentRejectedError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # A parser's fault costs the document it stumbled over, not the run. A panic of a parser
        # in Rust is not an Exception.
        raise DocumentRejectedError(source, f"its reader failed: {described(error)}") from error
    return (parsed,) if isinstance(parsed, ParsedDocument) else parsed


def _records(
    source: str, parts: Sequence[ParsedDocument | RejectedRecord], registry: ReaderRegistry
) -> Iterator[str]:
    """The names of a file's records, none of which makes a source that a file could have."""
    if not any(isinstance(part, ParsedDocument) for part in parts):
        raise DocumentRejectedError(source, "its reader gave no document")
    seen = set()
    for part in parts:
        record = part.record
        if record and not part.attachment and registry.supports(f"{source}#{record}"):
            record += "#"  # "a.json#b.md" may well be a file; nothing lies below a file
        if (part.attachment, record) in seen:
            raise DocumentRejectedError(source, "its reader gave two records one name")
        seen.add((part.attachment, record))
        yield record


def _title(source: str, record: str, said: str, headings: Sequence[Heading]) -> str:
    first_h1 = next((each.title for each in headings if each.level == 1 and each.title), "")
    stem = PurePosixPath(source).stem
    title = said or first_h1 or (f"{stem}#{record}" if record else stem)
    return title if len(title) <= TITLE_CHARACTERS else f"{title[: TITLE_CHARACTERS - 1]}…"
