"""HTML: its main content as Markdown, with headings, lists, tables and code."""

from __future__ import annotations

import re

# Rust, kept, MIT: HTML5's parsing, main content and tables at 3 MB/s; see docs/formats.md.
from html_to_markdown import (
    ConversionOptions,
    InvalidInputError,
    PreprocessingOptions,
    WarningKind,
    convert,
)

from waypoint.errors import DocumentRejectedError
from waypoint.formats.markdown import find_structure
from waypoint.formats.metadata import FieldCollector
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text import normalise_text, read_text

_DECLARATION_BYTES = 4096
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([-\w.:]+)"
    rb"|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([-\w.:]+)",
    re.IGNORECASE,
)
_HEAD_CHARACTERS = 64 * 1024
_HEAD_END = re.compile(r"</head\b|<body\b", re.IGNORECASE)
_CELL = re.compile(r"<t[dh]\b[^>]*", re.IGNORECASE)
_HUGE_SPAN = re.compile(r"(span\s*=\s*[\"']?)\s*0*[1-9]\d{2,}", re.IGNORECASE)
"""Of a hundred rows or columns: a cell in 22 bytes can make every row a thousand cells wide."""
_SAVE_ANEW = "save the page anew, or as text"
_BLANK_LINES = re.compile(r"\n{3,}")


class HtmlReader:
    """Reads HTML. Navigation, headers, footers, scripts and what is hidden are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        declared = _CHARSET.search(data[:_DECLARATION_BYTES])
        label = (declared[1] or declared[2]).decode("ascii", "ignore") if declared else ""
        decoded = read_text(source, data, declared=label)
        text = normalise_text(html_to_text(source, decoded.text), source=source)
        structure = find_structure(text)
        fields = _head_fields(decoded.text)
        return ParsedDocument(
            text=text,
            headings=structure.headings,
            blocks=structure.blocks,
            title=fields.title,
            metadata=fields.metadata,
            warnings=(*decoded.warnings, *fields.warnings),
            encoding=decoded.encoding,
        )


def html_to_text(source: str, html: str, *, whole: bool = False) -> str:
    """The page's text as Markdown; where links lead to, emphasis and images are left out.

    ``whole`` keeps what looks like navigation, headers and footers. Raises DocumentRejectedError
    for elements nested so deeply that the converter passes them over, and for what begins as
    some binary format does.
    """
    options = ConversionOptions(
        extract_metadata=False,
        skip_images=True,
        strip_tags=["a", "b", "strong", "i", "em"],
        compact_tables=True,
        # A form may be all there is of a page; its fields give no text.
        preprocessing=PreprocessingOptions(
            enabled=not whole, preset="aggressive", remove_forms=False
        ),
    )
    html = _CELL.sub(lambda cell: _HUGE_SPAN.sub(r"\g<1>1", cell[0]), html)
    try:
        result = convert(html, options)
    except InvalidInputError as error:
        raise DocumentRejectedError(source, "not HTML: it looks binary", hint=_SAVE_ANEW) from error
    if result.warnings:
        kind = result.warnings[0].kind
        too_deep = kind == WarningKind.DEPTH_LIMIT_EXCEEDED
        reason = (
            "nested beyond the depth that is read"
            if too_deep
            else f"not all of it can be read ({kind})"
        )
        raise DocumentRejectedError(source, reason, hint=_SAVE_ANEW)
    return _BLANK_LINES.sub("\n\n", result.content or "").strip("\n")


def _head_fields(html: str) -> FieldCollector:
    fields = FieldCollector()
    end = _HEAD_END.search(html, 0, _HEAD_CHARACTERS)
    head = html[: end.start() if end else _HEAD_CHARACTERS]
    metadata = convert(head, ConversionOptions(extract_metadata=True)).metadata
    if metadata is not None:
        page = metadata.document
        fields.add("title", page.title)
        fields.add("author", page.author)
        fields.add("description", page.description)
        fields.add("keywords", page.keywords)
        fields.add("language", page.language)
        fields.add("source_url", page.canonical_url)
    return fields
