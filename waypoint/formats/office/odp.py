"""Presentations of OpenDocument (ODP): a page for each slide, as of PPTX."""

from __future__ import annotations

from collections.abc import Iterable

from waypoint.formats.composing import Lines, Sink, TextBuilder
from waypoint.formats.markup.zipped_xml import Element, local_name
from waypoint.formats.office.odf import (
    DRAW,
    PRESENTATION,
    STYLE,
    TABLE,
    TEXT,
    Inline,
    OpenDocument,
    read_open_document,
    rows_of,
)
from waypoint.formats.office.sheet_rows import SHEET_LEVEL
from waypoint.formats.registry import ParsedDocument

_FURNITURE = ("header", "footer", "date-time", "page-number")


class OdpReader:
    """Reads ODP. Dates, numbers of slides and how things look are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        return read_open_document(source, data, _write)


def _write(document: OpenDocument, builder: TextBuilder) -> None:
    slides = document.body("presentation").findall(f"{DRAW}page")
    for number, slide in enumerate(slides, 1):
        builder.page()
        if _is_hidden(document, slide):
            builder.losses.add("hidden slides left out", "slide", number)
        else:
            _Slide(document, builder, number).write(slide)


def _is_hidden(document: OpenDocument, slide: Element) -> bool:
    style = document.style("drawing-page", slide.get(f"{DRAW}style-name"))
    look = None if style is None else style.find(f"{STYLE}drawing-page-properties")
    return look is not None and look.get(f"{PRESENTATION}visibility") == "hidden"


class _Slide:
    """One slide under way."""

    def __init__(self, document: OpenDocument, builder: TextBuilder, number: int) -> None:
        self._document = document
        self._builder = builder
        self._number = number

    def write(self, slide: Element) -> None:
        titles = [each for each in slide if each.get(f"{PRESENTATION}class") == "title"]
        shapes = [
            each
            for each in slide
            if each.tag.startswith(DRAW)
            and each not in titles[:1]
            and each.get(f"{PRESENTATION}class") not in _FURNITURE
        ]
        title, notes = Lines(), Lines()
        self._shapes(titles[:1], title)
        for held in slide.findall(f"{PRESENTATION}notes"):
            frames = [each for each in held if each.get(f"{PRESENTATION}class") == "notes"]
            self._shapes(frames, notes)
        if (
            title.text()
            or notes.text()
            or any(True for each in shapes for _ in each.iter(f"{TEXT}p"))
        ):
            self._builder.place("slide", self._number)
            self._builder.heading(SHEET_LEVEL, title.text() or f"Slide {self._number}")
        self._shapes(shapes, self._builder)
        if notes.text():
            self._builder.paragraph(f"Notes: {notes.text()}")

    def _shapes(self, shapes: Iterable[Element], sink: Sink) -> None:
        inline = Inline()
        for shape in shapes:
            self._document.drawn(shape, inline)
        self._boxes(inline, sink)

    def _boxes(self, inline: Inline, sink: Sink) -> None:
        if text := inline.text.strip():
            sink.paragraph(text)
        for box in inline.boxes:
            self._blocks(box, sink, 0)

    def _blocks(self, parent: Iterable[Element], sink: Sink, depth: int) -> None:
        for child in parent:
            if child.tag in (f"{TEXT}p", f"{TEXT}h"):
                inline = Inline()
                inline.pieces.append(("", child.text or ""))
                self._document.read(child, inline)
                if depth:
                    sink.item("-", inline.text, depth=depth - 1, of=self._number)
                else:
                    sink.paragraph(inline.text)
                inline.pieces.clear()
                self._boxes(inline, sink)
            elif child.tag == f"{TABLE}table":
                self._table(child, sink)
            else:
                deeper = depth + (local_name(child) == "list")
                self._blocks(child, sink, deeper)

    def _table(self, table: Element, sink: Sink) -> None:
        rows = []
        for row in rows_of(table):
            texts = []
            for cell in row:
                lines = Lines()
                self._blocks(cell, lines, 0)
                texts.append(lines.text())
            rows.append(texts)
        sink.table(rows)
