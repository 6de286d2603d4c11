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
from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser

from waypoint.errors import DocumentRejectedError
from waypoint.formats.losses import Losses
from waypoint.formats.markup.html_tree import make_plain
from waypoint.formats.markup.markdown import find_structure
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import normalise_text, read_text

_DECLARATION_BYTES = 4096
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([-\w.:]+)"
    rb"|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([-\w.:]+)",
    re.IGNORECASE,
)
_HEAD_CHARACTERS = 64 * 1024
_HEAD_END = re.compile(r"</head\b|<body\b", re.IGNORECASE)
_TAG = re.compile(
    r"<(/?)(?:div|span|section|table|button|ul|ol|dl|b|i|em|strong|font|blockquote)\b", re.I
)
"""Elements that are nested by nothing but their tags."""
_MOST_DEPTH = 4_000
_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Where a word may be divided, which is no part of it."""
_IS_XHTML = re.compile(r"\s*<\?xml|[^<]*(?:<!DOCTYPE[^>]*>\s*)?<html[^>]*/xhtml", re.IGNORECASE)
_CLOSED_AT_ONCE = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)\b)"
    r"([a-z][\w-]*)\b([^<>]*)/>",
    re.IGNORECASE,
)
"""``<title/>``, which is empty in XHTML, and in HTML would swallow the page."""
_SAVE_ANEW = "save the page anew, or as text"
_ESCAPED_NUMBER = re.compile(r"^([ *+-]*\d{1,9})\\([.)])", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


class HtmlReader:
    """Reads HTML. Navigation, scripts and what is hidden are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        declared = _CHARSET.search(data[:_DECLARATION_BYTES])
        label = (declared[1] or declared[2]).decode("ascii", "ignore") if declared else ""
        decoded = read_text(source, data, declared=label)
        losses = Losses()
        fields = _head_fields(source, decoded.text)
        text = normalise_text(_page_text(source, decoded.text, losses), source=source)
        structure = find_structure(text)
        return ParsedDocument(
            text=text,
            headings=structure.headings,
            blocks=structure.blocks,
            title=fields.title,
            metadata=fields.metadata,
            warnings=(*decoded.warnings, *fields.warnings, *losses.warnings()),
            encoding=decoded.encoding,
        )


def _page_text(source: str, html: str, losses: Losses) -> str:
    """The page's text as Markdown; where links lead to and emphasis are left out.

    Raises DocumentRejectedError for elements nested so deeply that the converter passes them
    over, and for a page whose text is made by a script.
    """
    _refuse_depth(source, html)
    if _IS_XHTML.match(html):
        html = _CLOSED_AT_ONCE.sub(r"<\1\2></\1>", html)
    tree = LexborHTMLParser(html, options=LexborDocumentOptions.WO_EVENTS)
    scripts = tree.css_first("script") is not None
    make_plain(tree, losses)
    text = _converted(source, tree.html or "")
    if not text.isascii():
        text = _UNSEEN.sub("", text)
    if "\\" in text:
        text = _ESCAPED_NUMBER.sub(r"\1\2", text)
    text = _BLANK_LINES.sub("\n\n", text).strip("\n")
    if scripts and not text.strip() and tree.css_first("body *") is not None:
        raise DocumentRejectedError(
            source,
            "its text is made by a script, which is not run",
            hint="save the page from a browser that shows it, or leave it out",
        )
    return text


def _refuse_depth(source: str, html: str) -> None:
    """What a parser takes time for that grows with the square of the depth."""
    depth = 0
    for tag in _TAG.finditer(html):
        depth = max(0, depth + (-1 if tag[1] else 1))
        if depth > _MOST_DEPTH:
            raise _too_deep(source)


def _too_deep(source: str) -> DocumentRejectedError:
    return DocumentRejectedError(source, "nested beyond the depth that is read", hint=_SAVE_ANEW)


def _converted(source: str, html: str) -> str:
    options = ConversionOptions(
        extract_metadata=False,
        skip_images=True,
        strip_tags=["a", "b", "strong", "i", "em", "u", "mark"],
        compact_tables=True,
        # What is no content was taken out of the tree; this would guess by names of classes.
        preprocessing=PreprocessingOptions(enabled=False),
    )
    result = convert(html, options)
    if result.warnings:
        kind = result.warnings[0].kind
        if kind == WarningKind.DEPTH_LIMIT_EXCEEDED:
            raise _too_deep(source)
        raise DocumentRejectedError(source, f"not all of it can be read ({kind})", hint=_SAVE_ANEW)
    return result.content or ""


def _head_fields(source: str, html: str) -> FieldCollector:
    """Raises DocumentRejectedError for what begins as some binary format does."""
    fields = FieldCollector()
    end = _HEAD_END.search(html, 0, _HEAD_CHARACTERS)
    head = html[: end.start() if end else _HEAD_CHARACTERS]
    try:
        metadata = convert(head, ConversionOptions(extract_metadata=True)).metadata
    except InvalidInputError as error:
        raise DocumentRejectedError(source, "not HTML: it looks binary", hint=_SAVE_ANEW) from error
    if metadata is not None:
        page = metadata.document
        fields.add("title", page.title)
        fields.add("author", page.author)
        fields.add("description", page.description)
        fields.add("keywords", page.keywords)
        fields.add("language", page.language)
        fields.add("source_url", page.canonical_url)
    return fields
