"""Which reader reads which file: by suffix, each reader imported when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeAlias, cast

from waypoint.adapters import imported
from waypoint.models import Block, Heading, Metadata, Place


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a reader makes of a file's bytes."""

    text: str
    """Normalised by ``waypoint.formats.text.normalised``, without front matter."""
    headings: tuple[Heading, ...] = ()
    """In the order of the text; only those that are not inside a list, quote or code."""
    title: str = ""
    """Empty if the document does not say; then its first H1 or its name serves."""
    metadata: Metadata | None = None
    warnings: tuple[str, ...] = ()
    """What was lost and where, in our own words: see ``waypoint.formats.losses``."""
    pages: tuple[int, ...] = ()
    """Offsets at which pages begin; empty for a format without pages."""
    places: tuple[Place, ...] = ()
    """Slides, sheets or times, in the order of the text."""
    blocks: tuple[Block, ...] = ()
    """Tables and code, in the order of the text."""
    record: str = ""
    """Which record of a file of several documents this is: stable, and unique in the file."""
    encoding: str = ""
    """What its bytes were decoded from, as Python names it; empty for a binary format."""
    digest: str = ""
    """SHA-256 of the record's own content, hexadecimal; empty for that of the file's bytes."""
    recognised: bool = False
    """Whether OCR took part in it, with success or without."""
    to_recognise: int = 0
    """Pages for OCR, where they are only counted."""
    attachment: str = ""
    """The name of what comes with a message and is a document of its own, by which its format is
    told; with ``/`` between names where it lies deeper. Unique in the file, but for records."""


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that cannot be a document, in the place of one."""

    record: str
    """Its name, by the same rules as a document's."""
    reason: str
    hint: str = ""
    identified: bool = True
    """False if it is too damaged to say which record it is: then it has its place for a name."""
    attachment: str = ""
    """As a document's."""


Parsed: TypeAlias = "ParsedDocument | Sequence[ParsedDocument | RejectedRecord]"
"""What a reader makes of a file."""


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """What a user may say about how files are read. Picklable: it travels to other processes."""

    json_text_field: str | None = None
    """The field of a JSON record that holds its text; None to look for a usual one."""
    ocr: str = "off"
    """off, auto (what has no text) or force (all pages)."""
    ocr_languages: str = "eng"
    """As tesseract names them, with + between."""
    ocr_timeout: float = 600.0
    """Seconds for the images of one file."""
    ocr_counts: bool = False
    """Whether images are only counted."""
    attachments: str = "told"
    """told, or read: then those of a message are documents of their own."""

    @property
    def ocr_name(self) -> str:
        """What is added to the name of a reader whose document it took part in."""
        return f" ocr {self.ocr} {self.ocr_languages}"


class Reader(Protocol):
    """Reads one format. Holds no state of a document, so threads may share it."""

    def read(self, source: str, data: bytes) -> Parsed:
        """Parse the bytes of the file named ``source``.

        A file of records gives a sequence: a document or a RejectedRecord for each record, in
        their order, at least one of them a document, each with a ``record`` that is not empty
        and not given twice. What is wrong with the file as a whole is told by the warnings of
        its first document. Of a message whose attachments are read, it is the first document,
        without a ``record``, and each of them has its ``attachment``.

        Raises DocumentRejectedError if the file cannot be read as this format, or none of its
        records can be a document.
        """
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format, the suffixes it is told by, and where its reader is."""

    name: str
    """Stored as a chunk's ``format``."""
    suffixes: tuple[str, ...]
    """Lower case, with the dot."""
    reader: str
    """``module:class``; imported late."""
    takes_options: bool = False
    """Whether the reader is made with the ReaderOptions; else without arguments."""
    markdown: bool = False
    """Whether its reader gives Markdown, which is cut where its parts end."""
    authored: bool = False
    """Whether its fields are somebody's own words (front matter, a record's), which no sidecar
    overrules; those of others are mostly what a program has filled in."""
    version: int = 1
    """Of what its reader makes of a file: one more when that changes, so that it is known which
    documents an earlier reader made."""
    untrusted: bool = False
    """Whether its parser may crash, or go on for ever, on what a file says: such files are read
    in processes of their own (waypoint.formats.parsing.worker)."""
    images: bool = False
    """Whether it is nothing but images: there is a reader only with OCR."""
    has_attachments: bool = False
    """Whether files of other formats come with it."""

    @property
    def reader_name(self) -> str:
        """Its reader and that one's version, as they are kept with a document."""
        return f"{self.name} {self.version}"


CODE_SUFFIXES = (
    *(".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".java", ".kt", ".kts"),
    *(".scala", ".groovy", ".go", ".rs", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".cs"),
    *(".fs", ".vb", ".swift", ".m", ".mm", ".rb", ".php", ".pl", ".pm", ".lua", ".r", ".jl"),
    *(".dart", ".ex", ".exs", ".erl", ".clj", ".hs", ".ml", ".sh", ".bash", ".zsh", ".fish"),
    *(".ps1", ".bat", ".cmd", ".sql", ".graphql", ".proto", ".toml", ".ini", ".cfg", ".conf"),
    *(".properties", ".yaml", ".yml", ".tf", ".css", ".scss", ".sass", ".less", ".cmake"),
    *(".gradle", ".tex", ".bib"),
)

FORMATS = (
    Format(
        "markdown",
        (".md", ".markdown", ".mdx"),
        "waypoint.formats.markup.markdown:MarkdownReader",
        markdown=True,
        authored=True,
    ),
    Format(
        "html",
        (".html", ".htm", ".xhtml"),
        "waypoint.formats.markup.html:HtmlReader",
        markdown=True,
        untrusted=True,
    ),
    Format(
        "pdf", (".pdf",), "waypoint.formats.pdf.pdf:PdfReader", takes_options=True, untrusted=True
    ),
    Format(
        "image",
        (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"),
        "waypoint.formats.images.images:ImageReader",
        takes_options=True,
        untrusted=True,
        images=True,
    ),
    Format(
        "docx",
        (".docx", ".docm", ".dotx", ".dotm"),
        "waypoint.formats.office.docx:DocxReader",
        markdown=True,
        untrusted=True,
    ),
    Format(
        "slides",
        (".pptx", ".pptm", ".ppsx", ".potx"),
        "waypoint.formats.office.slides:SlideReader",
        markdown=True,
        untrusted=True,
    ),
    Format(
        "sheet",
        (".xlsx", ".xlsm", ".xltx", ".xls"),
        "waypoint.formats.office.sheets:SheetReader",
        untrusted=True,
    ),
    Format(
        "rtf", (".rtf",), "waypoint.formats.office.rtf:RtfReader", markdown=True, untrusted=True
    ),
    Format(
        "odt",
        (".odt", ".ott"),
        "waypoint.formats.office.odt:OdtReader",
        markdown=True,
        untrusted=True,
    ),
    Format("ods", (".ods", ".ots"), "waypoint.formats.office.ods:OdsReader", untrusted=True),
    Format(
        "odp",
        (".odp", ".otp"),
        "waypoint.formats.office.odp:OdpReader",
        markdown=True,
        untrusted=True,
    ),
    Format(
        "epub", (".epub",), "waypoint.formats.markup.epub:EpubReader", markdown=True, untrusted=True
    ),
    Format(
        "mail",
        (".eml", ".mht", ".mhtml"),
        "waypoint.formats.markup.mail:MailReader",
        takes_options=True,
        markdown=True,
        untrusted=True,
        has_attachments=True,
    ),
    Format(
        "notebook",
        (".ipynb",),
        "waypoint.formats.markup.notebook:NotebookReader",
        markdown=True,
        untrusted=True,
    ),
    Format("captions", (".vtt", ".srt"), "waypoint.formats.plain.captions:CaptionReader"),
    Format("table", (".csv", ".tsv", ".tab"), "waypoint.formats.records.table:TableReader"),
    Format(
        "json",
        (".json",),
        "waypoint.formats.records.json_records:JsonReader",
        takes_options=True,
        authored=True,
    ),
    Format(
        "jsonl",
        (".jsonl", ".ndjson"),
        "waypoint.formats.records.json_records:JsonLinesReader",
        takes_options=True,
        authored=True,
    ),
    Format("code", CODE_SUFFIXES, "waypoint.formats.plain.code:CodeReader"),
    Format(
        "text",
        (".txt", ".text", ".rst", ".adoc", ".asciidoc", ".org"),
        "waypoint.formats.plain.plaintext:PlainTextReader",
    ),
)


IMAGE_SUFFIXES = frozenset(suffix for each in FORMATS if each.images for suffix in each.suffixes)


class ReaderRegistry:
    """Maps a file's name to its format and its reader."""

    def __init__(self, formats: Iterable[Format], options: ReaderOptions = ReaderOptions()) -> None:
        self._formats = {
            suffix: each
            for each in formats
            if options.ocr != "off" or not each.images
            for suffix in each.suffixes
        }
        self._options = options
        self._readers: dict[str, Reader] = {}

    def supports(self, name: str) -> bool:
        """Whether there is a reader for a file of this name or path."""
        return _suffix(name) in self._formats

    def format_of(self, name: str) -> Format:
        """The format of a file of this name or path. Raises KeyError if it is not supported."""
        return self._formats[_suffix(name)]

    def reader_of(self, name: str) -> Reader:
        """The reader for a file of this name or path. Raises KeyError if there is none."""
        chosen = self.format_of(name)
        reader = self._readers.get(chosen.reader)
        if reader is None:
            make = imported(chosen.reader)
            reader = cast("Reader", make(self._options) if chosen.takes_options else make())
            self._readers[chosen.reader] = reader
        return reader

    def readers_of(self, name: str) -> tuple[str, ...]:
        """What ``Document.reader`` can be now, of a file of this name or path; empty for none."""
        chosen = self._formats.get(_suffix(name))
        if chosen is None:
            return ()
        if self._reads_attachments_of(chosen):
            names = {each.reader_name for each in self._formats.values()}
            return (*names, *(f"{each}{self._options.ocr_name}" for each in names))
        if self._options.ocr == "off" or not self.may_take_ocr(name):
            return (chosen.reader_name,)
        by_ocr = chosen.reader_name + self._options.ocr_name
        return (by_ocr,) if self._options.ocr == "force" else (chosen.reader_name, by_ocr)

    def may_take_ocr(self, name: str) -> bool:
        """Whether OCR is asked for, and may read something of a file of this name or path."""
        chosen = self._formats.get(_suffix(name))
        return (
            self._options.ocr != "off"
            and chosen is not None
            and (chosen.reader in _WITH_OCR or self._reads_attachments_of(chosen))
        )

    def may_read_more(self, name: str, warnings: Iterable[str]) -> bool:
        """Whether a file or a document of this name, with these warnings, would say more now."""
        chosen = self._formats.get(_suffix(name))
        could: tuple[str, ...] = READ_BY_OCR if self.may_take_ocr(name) else ()
        if chosen is not None and self._reads_attachments_of(chosen):
            could += (ATTACHMENTS, MESSAGES_WITHIN)
            could += (ATTACHED_IMAGES,) if self._options.ocr != "off" else ()
        return bool(could) and any(each.startswith(could) for each in warnings)

    def _reads_attachments_of(self, chosen: Format) -> bool:
        return chosen.has_attachments and self._options.attachments == "read"

    def name_of(self, made_by: Format, parsed: ParsedDocument) -> str:
        """The reader that made a document, with its version and how it took OCR."""
        return made_by.reader_name + (self._options.ocr_name if parsed.recognised else "")


_WITH_OCR = ("waypoint.formats.pdf.pdf:PdfReader", "waypoint.formats.images.images:ImageReader")


ATTACHMENTS = "attachments not read"
MESSAGES_WITHIN = "messages within the message not read"
ATTACHED_IMAGES = "attached images not read without OCR"
"""How warnings begin of what comes with a message and may be read."""
READ_BY_OCR = ("images without text", "drawings without text")
"""How warnings begin of what OCR may read."""


def took_ocr(reader: str) -> bool:
    """Whether OCR took part in a document of this ``Document.reader``."""
    return " ocr " in reader


def is_image(name: str) -> bool:
    """Whether a file of this name or path can be read by OCR alone."""
    return _suffix(name) in IMAGE_SUFFIXES


def default_registry(options: ReaderOptions = ReaderOptions()) -> ReaderRegistry:
    """A registry of all formats that Waypoint brings."""
    return ReaderRegistry(FORMATS, options)


@cache
def _all_formats() -> ReaderRegistry:
    return default_registry()


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - called for every file of the walk
