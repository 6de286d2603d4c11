"""Word documents (DOCX): what is on their pages, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import Lines, Sink, TextBuilder
from waypoint.formats.losses import Losses
from waypoint.formats.markup.zipped_xml import (
    Element,
    local_name,
    open_office_zip,
    rejecting_damage,
    whole_number,
)
from waypoint.formats.office.charts import chart_rows, chart_title, diagram_texts
from waypoint.formats.office.docx_numbering import BULLET, Numbering, in_form
from waypoint.formats.office.docx_styles import STYLES_PART, Style, read_styles, style_of
from waypoint.formats.office.docx_text import Inline, InlineReader, check_mark
from waypoint.formats.office.ooxml import MC, Package, R, W, chosen, is_on
from waypoint.formats.registry import ParsedDocument, default_registry

_DEEPEST_CHUNK = 2
"""Documents within documents (altChunk) that are read."""
_MOST_COLUMNS = 63
"""Of a table, as Word has it."""
_GONE = frozenset(f"{W}{name}" for name in ("del", "moveFrom", "sectPr", "tblPr", "tblGrid"))


class DocxReader:
    """Reads DOCX. Fonts and colours, comments and tables of contents are left out."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth

    def read(self, source: str, data: bytes) -> ParsedDocument:
        builder = TextBuilder(source)
        with open_office_zip(source, data) as archive, rejecting_damage(source):
            package = Package(archive)
            _Document(source, package, builder, self._depth).write()
            fields = package.properties()
        return builder.parsed(fields)


@dataclass(slots=True)
class _Notes:
    """Footnotes and endnotes of the document."""

    parts: Mapping[str, Mapping[str, Element]]
    """By kind and id."""
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    due: list[tuple[str, str]] = field(default_factory=list)
    """Footnotes that come behind the paragraph or table they belong to."""

    def mark(self, kind: str, note_id: str) -> str:
        if (kind, note_id) not in self.marks:
            self.counts[kind] += 1
            form = "lowerRoman" if kind == "endnote" else "decimal"
            self.marks[kind, note_id] = f"[^{in_form(self.counts[kind], form)}]"
        return self.marks[kind, note_id]

    def take(self, kind: str) -> list[tuple[str, str]]:
        taken = [each for each in self.due if each[0] == kind]
        self.due = [each for each in self.due if each[0] != kind]
        return taken


class _Document:
    """One document under way."""

    def __init__(self, source: str, package: Package, builder: TextBuilder, depth: int) -> None:
        self._source = source
        self._package = package
        self._builder = builder
        self._losses: Losses = builder.losses
        self._depth = depth
        self._part = package.main_part()
        self._relations = package.relations(self._part)
        self._styles = read_styles(package, self._part_of("styles") or STYLES_PART)
        self._numbering = Numbering(
            self._root_of("numbering"), lambda style: style_of(self._styles, style).number_id
        )
        self._notes = _Notes(
            {
                kind: {each.get(f"{W}id", ""): each for each in root.findall(f"{W}{kind}")}
                for kind in ("footnote", "endnote")
                if (root := self._root_of(f"{kind}s")) is not None
            }
        )
        self._reader = InlineReader(self._styles, self._losses, self._notes.mark)
        self._pending: Inline | None = None

    def write(self) -> None:
        body = self._package.xml(self._part)
        headers, footers = self._margins(body)
        for text in headers:
            self._builder.paragraph(text)
        before = self._builder.characters
        self._blocks(body, self._builder)
        self._finish(self._builder)
        self._write_notes("endnote")
        self._builder.require_text(before)
        for text in footers:
            self._builder.paragraph(text)

    def _part_of(self, kind: str) -> str:
        named = (each for each in self._relations.values() if each.kind == kind)
        return next((each.target for each in named if each.target in self._package.names), "")

    def _root_of(self, kind: str) -> Element | None:
        part = self._part_of(kind)
        return self._package.xml(part) if part else None

    # -- blocks ------------------------------------------------------------------------------

    def _blocks(self, parent: Iterable[Element], sink: Sink) -> None:
        for child in parent:
            tag = child.tag
            if tag == f"{W}p":
                self._paragraph(child, sink)
            elif tag == f"{W}tbl":
                self._finish(sink)
                self._table(child, sink)
            elif tag == f"{W}altChunk":
                self._chunk(child.get(f"{R}id", ""))
            elif tag == f"{W}subDoc":
                self._losses.add("linked documents not read")
            elif tag == f"{MC}AlternateContent":
                self._blocks(chosen(child), sink)
            elif tag == f"{W}sdt":
                self._control(child, sink)
            elif tag not in _GONE:
                self._blocks(child, sink)
            if sink is self._builder and self._pending is None:
                self._write_notes("footnote")

    def _control(self, control: Element, sink: Sink) -> None:
        gallery = control.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
        if gallery is not None and gallery.get(f"{W}val") == "Table of Contents":
            return
        if state := check_mark(control):
            sink.paragraph(state)
            return
        for content in control.findall(f"{W}sdtContent"):
            self._blocks(content, sink)

    def _paragraph(self, paragraph: Element, sink: Sink) -> None:
        self._reader.paragraph += 1
        look = paragraph.find(f"{W}pPr")
        named = None if look is None else look.find(f"{W}pStyle")
        style_id = "" if named is None else named.get(f"{W}val", "")
        style = style_of(self._styles, style_id)
        inline = self._pending or Inline()
        self._pending = None
        self._reader.read(paragraph, style, inline)
        if style.is_contents:
            return
        if look is not None and _runs_on(look):
            self._pending = inline
            return
        self._write(inline, style, look, style_id, sink)

    def _finish(self, sink: Sink) -> None:
        """Write what waits for a paragraph that it runs on into, and that isn't there."""
        inline, self._pending = self._pending, None
        if inline is not None:
            self._write(inline, Style(), None, "", sink)

    def _write(
        self, inline: Inline, style: Style, look: Element | None, style_id: str, sink: Sink
    ) -> None:
        number_id, level = self._list_of(style, look, style_id)
        marker = self._numbering.next(number_id, level) if number_id else ""
        text = inline.text
        heading = _heading_level(style, look)
        if not text.strip():
            pass
        elif heading:
            numbered = marker and marker != BULLET
            sink.heading(heading, f"{marker} {text}" if numbered else text)
        elif marker:
            sink.item(marker, text, depth=level, of=number_id)
        else:
            sink.paragraph(text)
        for figure in inline.figures:
            self._figure(figure, sink)
        for box in inline.boxes:
            self._blocks(box, sink)
        self._notes.due += inline.notes

    def _list_of(self, style: Style, look: Element | None, style_id: str) -> tuple[str, int]:
        """The list that a paragraph is of, empty for none, and its level, from 0 on."""
        number_id, level = style.number_id, style.level
        if number_id:
            of_style = self._numbering.level_of_style(number_id, style_id)
            level = of_style if of_style is not None else level
        own = None if look is None else look.find(f"{W}numPr")
        if own is not None:
            own_id, own_level = own.find(f"{W}numId"), own.find(f"{W}ilvl")
            number_id = number_id if own_id is None else own_id.get(f"{W}val", "")
            level = level if own_level is None else whole_number(own_level.get(f"{W}val"), 0)
        return ("" if number_id == "0" else number_id), level or 0

    def _figure(self, relation_id: str, sink: Sink) -> None:
        relation = self._relations.get(relation_id)
        if relation is None or relation.target not in self._package.names:
            self._reader.lose("charts and diagrams not read")
            return
        root = self._package.xml(relation.target)
        texts, rows = diagram_texts(root), chart_rows(root)
        if not texts and not rows:
            self._reader.lose("charts and diagrams not read")
        for text in (chart_title(root), *texts):
            sink.paragraph(text)
        sink.table(rows)

    def _chunk(self, relation_id: str) -> None:
        relation = self._relations.get(relation_id)
        part = "" if relation is None else relation.target
        registry = default_registry()
        is_read = part in self._package.names and registry.supports(part)
        if not is_read or self._depth >= _DEEPEST_CHUNK:
            self._losses.add("embedded documents (altChunk) not read")
            return
        reader: Any = registry.reader_of(part)
        if isinstance(reader, DocxReader):
            reader = DocxReader(self._depth + 1)
        try:
            self._builder.embed(reader.read(part, self._package.bytes(part)))
        except DocumentRejectedError:
            self._losses.add("embedded documents (altChunk) not read")

    # -- tables ------------------------------------------------------------------------------

    def _table(self, table: Element, sink: Sink) -> None:
        rows = list(_rows(table))
        cells = [list(_cells(row)) for row in rows]
        if _is_layout(table, cells, self._styles):
            for row in cells:
                for cell in row:
                    self._blocks(cell, sink)
                    self._finish(sink)
            return
        sink.table([self._row(row, own) for row, own in zip(rows, cells, strict=True)])

    def _row(self, row: Element, cells: list[Element]) -> list[str]:
        texts = [""] * _span(row.find(f"{W}trPr/{W}gridBefore"), 0)
        for cell in cells:
            lines = Lines()
            self._blocks(cell, lines)
            self._finish(lines)
            texts.append(lines.text())
            texts += [""] * (_span(cell.find(f"{W}tcPr/{W}gridSpan"), 1) - 1)
        return texts

    # -- notes, page headers and footers -----------------------------------------------------

    def _write_notes(self, kind: str) -> None:
        for note in self._notes.take(kind):
            element = self._notes.parts.get(kind, {}).get(note[1])
            if element is None:
                self._losses.add("notes that aren't there")
                continue
            lines = Lines()
            self._blocks(element, lines)
            self._finish(lines)
            mark = self._notes.marks.get(note)
            self._builder.paragraph(f"{mark}: {lines.text()}" if mark else lines.text())

    def _margins(self, body: Element) -> tuple[list[str], list[str]]:
        """The texts of page headers and footers, each once, however many pages it is on."""
        settings = self._root_of("settings")
        both = settings is not None and is_on(settings.find(f"{W}evenAndOddHeaders"))
        found: dict[str, dict[str, None]] = {"headerReference": {}, "footerReference": {}}
        for section in body.iter(f"{W}sectPr"):
            shown = {"default"}
            shown |= {"first"} if is_on(section.find(f"{W}titlePg")) else set()
            shown |= {"even"} if both else set()
            for reference in section:
                texts = found.get(local_name(reference))
                if texts is not None and reference.get(f"{W}type", "default") in shown:
                    texts[self._margin(reference.get(f"{R}id", ""))] = None
        headers, footers = (
            [text for text in texts if any(map(str.isalpha, text))] for texts in found.values()
        )
        return headers, [text for text in footers if text not in headers]

    def _margin(self, relation_id: str) -> str:
        relation = self._relations.get(relation_id)
        if relation is None or relation.target not in self._package.names:
            return ""
        lines = Lines()
        reader, relations = self._reader, self._relations
        self._reader = InlineReader(self._styles, self._losses, self._notes.mark, in_margin=True)
        self._relations = self._package.relations(relation.target)
        self._blocks(self._package.xml(relation.target), lines)
        self._finish(lines)
        self._reader, self._relations = reader, relations
        return lines.text()


def _runs_on(look: Element) -> bool:
    """Whether the mark at a paragraph's end is deleted, hidden as a style separator is, or that
    of an initial which hangs beside the text."""
    frame = look.find(f"{W}framePr")
    if frame is not None and frame.get(f"{W}dropCap", "none") != "none":
        return True
    mark = look.find(f"{W}rPr")
    if mark is None:
        return False
    deleted = mark.find(f"{W}del") is not None or mark.find(f"{W}moveFrom") is not None
    return deleted or is_on(mark.find(f"{W}specVanish"))


def _heading_level(style: Style, look: Element | None) -> int:
    outline = None if look is None else look.find(f"{W}outlineLvl")
    if outline is None:
        return style.heading
    level = whole_number(outline.get(f"{W}val"), 9)
    return level + 1 if 0 <= level < 9 else 0


def _rows(table: Element) -> Iterator[Element]:
    """Those that are there: a row may be deleted, or stand in a content control."""
    for child in table:
        if child.tag == f"{W}tr":
            if child.find(f"{W}trPr/{W}del") is None:
                yield child
        elif child.tag not in _GONE:
            yield from _rows(child)


def _cells(row: Element) -> Iterator[Element]:
    for child in row:
        if child.tag == f"{W}tc":
            if child.find(f"{W}tcPr/{W}cellDel") is None:
                yield child
        elif child.tag not in _GONE and child.tag != f"{W}trPr":
            yield from _cells(child)


def _is_layout(table: Element, cells: list[list[Element]], styles: Mapping[str, Style]) -> bool:
    """Whether a table only places things on the page: a box, columns of whole sections."""
    if max(map(len, cells), default=0) <= 1:
        return True
    nested = any(next(cell.iter(f"{W}tbl"), None) is not None for row in cells for cell in row)
    return nested or any(
        style_of(styles, each.get(f"{W}val")).heading for each in table.iter(f"{W}pStyle")
    )


def _span(element: Element | None, default: int) -> int:
    if element is None:
        return default
    return min(max(0, whole_number(element.get(f"{W}val"), default)), _MOST_COLUMNS)
