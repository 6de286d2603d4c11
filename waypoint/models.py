"""The things that travel through the pipeline: frozen, slotted, and without behaviour of weight.

Words are those of docs/architecture.md. Offsets are in characters (code points) of
``Document.text``; vectors are one-dimensional, C-contiguous, float32, of unit length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

MetadataValue: TypeAlias = str | int | float | bool
"""What one Chroma metadata field may hold here; lists are stored as JSON text."""

Metadata: TypeAlias = Mapping[str, MetadataValue]

Vector: TypeAlias = NDArray[np.float32]
"""Shape (dimensions,), float32, unit length."""

Vectors: TypeAlias = NDArray[np.float32]
"""Shape (n, dimensions), float32, rows of unit length."""

TextKey: TypeAlias = bytes
"""32 bytes: the hash of provider, model, dimensions, task type and embedded text."""

PackedChunks = NewType("PackedChunks", bytes)
"""Chunks with their vectors in the form in which a store takes them."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file of metadata for other files."""

    source: str
    version: str
    """As that of a file; empty if it couldn't be read, or asked for: it is read again."""
    beside: bool
    """Whether it is about one file, beside which it lies; else about all below its folder."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file found below the knowledge base, as the folder's walk saw it."""

    source: str
    """Path below its root, with ``/``, whatever the system; ``//NAME/`` before it if that is one
    of a collection's further roots."""
    path: Path
    """Where a local file lies; of another source's it says nothing."""
    size: int
    """Bytes."""
    version: str
    """Told by its source alone, and never empty: a file that is listed in the version that it was
    read in has the same bytes. If it may have changed unseen while it was read, that version is
    one in which none is ever listed."""
    sidecars: tuple[Sidecar, ...] = ()
    """Those that are about it, the nearest first."""

    @property
    def sidecar_version(self) -> str:
        """Tells whether its sidecars are the same, in the same versions; empty for none."""
        if not self.sidecars:
            return ""
        told = "\n".join(f"{each.version} {each.source}" for each in self.sidecars)
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    @property
    def category(self) -> str:
        """The top folder; empty for a file that lies directly in its root."""
        top, separator, _ = below_root(self.source).partition("/")
        return top if separator else ""


FURTHER_ROOT = "//"
"""What the sources of all roots but the first begin with: no path below a folder does."""


def root_prefix(name: str) -> str:
    """What the sources of a root begin with; nothing for the first, which has no name."""
    return f"{FURTHER_ROOT}{name}/" if name else ""


def root_of(source: str) -> str:
    """The name of the root that a document is from; empty for the first."""
    if not source.startswith(FURTHER_ROOT):
        return ""
    return source.removeprefix(FURTHER_ROOT).partition("/")[0]


def below_root(source: str) -> str:
    """The path below its root."""
    return source.removeprefix(root_prefix(root_of(source)))


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document."""

    level: int
    """1 to 6."""
    title: str
    start: int
    """Offset in ``Document.text`` of the first character of the heading's line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a document that is worth keeping whole: a table or a block of code."""

    kind: Literal["table", "code"]
    start: int
    """Offset in ``Document.text`` of its first line."""
    end: int
    """Offset behind its last line, at that line's end."""
    header_end: int
    """Where the first line behind a table's header begins, which pieces of the table repeat (its
    names and the line below them); ``end`` if there is none, ``start`` if it has no header."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of a document lies in its file: on a slide, in a sheet, at a time."""

    start: int
    """Offset in ``Document.text`` from which on it holds, until the next of its name."""
    name: str
    """Under which chunks' metadata have it: ``slide``, ``sheet``, ``time``."""
    value: MetadataValue


@dataclass(frozen=True, slots=True)
class Document:
    """A source that was read. ``text`` is normalised: no BOM, LF line ends, NFC."""

    file: SourceFile
    doc_id: str
    title: str
    text: str
    """The body, without front matter. All spans and hashes refer to it."""
    headings: tuple[Heading, ...]
    """In the order of the text."""
    metadata: Metadata
    """Scalars of the front matter, under names that do not clash with Waypoint's own."""
    digest: str
    """SHA-256 of the file's bytes, hexadecimal; of a record's own, where the file has several."""
    warnings: tuple[str, ...] = ()
    """What of the file was lost, and where; or was odd, but did not keep it from being read."""
    format: str = "text"
    """As the registry names it."""
    is_markdown: bool = False
    """Whether its text is Markdown, which is cut where its parts end."""
    pages: tuple[int, ...] = ()
    """Offsets at which its pages begin, in order; empty for a format without pages."""
    places: tuple[Place, ...] = ()
    """In the order of the text; all of one name."""
    blocks: tuple[Block, ...] = ()
    """In the order of the text; none overlaps with another."""
    record: str = ""
    """Which record of its file it is; empty where the file is one document."""
    reader: str = ""
    """Which reader made it, with that one's version: ``docx 1``."""
    encoding: str = ""
    """What its bytes were decoded from, as Python names it; empty for a binary format."""
    sidecar_digest: str = ""
    """SHA-256 of the fields that its file's sidecars give, hexadecimal; empty if they give none."""
    to_recognise: int = 0
    """Pages for OCR, where they are only counted."""
    attachment: str = ""
    """Which attachment of its file, a message, it is, if it is one."""

    @property
    def source(self) -> str:
        """As :func:`source_of`."""
        return source_of(self.file.source, self.attachment, self.record)


def source_of(file: str, attachment: str = "", record: str = "") -> str:
    """A document's source: its file's, ``<file>/<attachment>``, and of a record ``…#<record>``."""
    path = f"{file}/{attachment}" if attachment else file
    return f"{path}#{record}" if record else path


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that gets one vector."""

    id: str
    source: str
    text: str
    metadata: dict[str, MetadataValue]
    """All fields that Chroma stores with it (docs/architecture.md lists them)."""
    context: str = ""
    """What goes before the text when it is embedded, and is not stored; mostly nothing."""


@dataclass(frozen=True, slots=True)
class FileReject:
    """A file that cannot be ingested, and why."""

    source: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file, or a whole folder, that is left out by rule."""

    source: str
    reason: str
    named: bool = True
    """Whether the user is told of it by name (a link, a device), or only how many there are of
    its reason (no reader, hidden, ignored)."""
    stays: bool = False
    """Whether what an earlier run made of it stays."""


@dataclass(frozen=True, slots=True)
class WalkWarning:
    """Something odd about a name or a folder that keeps nothing from being read."""

    source: str
    warning: str


@dataclass(frozen=True, slots=True)
class UnreadableFolder:
    """A folder whose entries could not be listed: what lies below it is unknown, not gone."""

    source: str
    """Path relative to the knowledge base; empty for the knowledge base itself."""
    reason: str
    hint: str = ""


Discovery: TypeAlias = SourceFile | FileReject | SkippedFile | UnreadableFolder | WalkWarning
"""What a listing of a source consists of."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What makes two vectors comparable. Vectors of different spaces are never mixed."""

    provider: str
    """As EMBEDDING_PROVIDER names it."""
    model: str
    dimensions: int
    task_type: str


@dataclass(frozen=True, slots=True)
class DayUse:
    """What the service answered on one day of its calendar."""

    texts: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class EstimatedLimit:
    """What a run found out about one limit of a minute; a value of 0 for nothing."""

    value: int = 0
    met: bool = False
    """The limit itself was met; else it is what went through without a refusal."""


@dataclass(frozen=True, slots=True)
class EstimatedQuota:
    """What a run found out about the account."""

    rpm: EstimatedLimit
    """Texts a minute (calls, where those are what counts)."""
    tpm: EstimatedLimit
    """Tokens a minute."""
    token_factor: float
    """Tokens as the service counts them, for one that we estimate."""


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """Where a chunk lies in its document, and what it is called."""

    start: int
    end: int
    id: str
    occurrence: int = field(default=0)
    """How many chunks before it in the document have the same text, and the same context."""
    header: tuple[int, int] | None = None
    """Where the header lies that is put before the rows of a table cut in pieces."""
