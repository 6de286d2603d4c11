"""Texts of OpenDocument (ODT): headings, lists with their numbers, tables, notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from waypoint.formats.composing import Lines, Sink, TextBuilder
from waypoint.formats.markup.zipped_xml import Element, local_name, whole_number
from waypoint.formats.office.docx_numbering import BULLET, in_form
from waypoint.formats.office.odf import (
    DRAW,
    NOTE_MARK,
    STYLE,
    TABLE,
    TEXT,
    Inline,
    OpenDocument,
    read_open_document,
    rows_of,
)
from waypoint.formats.registry import ParsedDocument

_SKIPPED = frozenset(
    f"{TEXT}{name}"
    for name in (
        *("tracked-changes", "table-of-content", "alphabetical-index", "sequence-decls"),
        *("variable-decls", "user-field-decls", "number", "soft-page-break"),
    )
)
_FORMS = {
    "1": "decimal",
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
}
_MOST_COLUMNS = 1_000
_DEEPEST = 10


class OdtReader:
    """Reads ODT. Fonts and colours, comments and tables of contents are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        return read_open_document(source, data, lambda *parts: _Text(*parts).write())


@dataclass(slots=True)
class _List:
    """A list under way: its style, and how far each of its levels has come."""

    style: str
    outermost: object
    """The same for all lists within one another."""
    counts: dict[int, int] = field(default_factory=dict)


class _Text:
    """One document under way."""

    def __init__(self, document: OpenDocument, builder: TextBuilder) -> None:
        self._document = document
        self._builder = builder
        self._levels: dict[str, dict[int, Element]] = {}
        for root in (document.styles, document.content):
            for style in (*root.iter(f"{TEXT}list-style"), *root.iter(f"{TEXT}outline-style")):
                outline = style.tag == f"{TEXT}outline-style"
                name = "outline" if outline else style.get(f"{STYLE}name", "")
                self._levels[name] = {
                    whole_number(each.get(f"{TEXT}level"), 1): each for each in style
                }
        self._outline = _List("outline", None)
        self._last: dict[str, _List] = {}
        """The latest list of each style, which another may continue."""
        self._named: dict[str, _List] = {}
        self._notes: list[tuple[str, Element]] = []
        self._note_count = {"footnote": 0, "endnote": 0}

    def write(self) -> None:
        headers, footers = self._margins()
        for text in headers:
            self._builder.paragraph(text)
        self._blocks(self._document.body("text"), self._builder)
        self._write_notes("endnote")
        for text in footers:
            self._builder.paragraph(text)

    # -- blocks ------------------------------------------------------------------------------

    def _blocks(self, parent: Iterable[Element], sink: Sink) -> None:
        for child in parent:
            if child.tag in _SKIPPED:
                continue
            if child.tag == f"{TEXT}p":
                self._paragraph(child, sink)
            elif child.tag == f"{TEXT}h":
                self._heading(child, sink)
            elif child.tag == f"{TEXT}list":
                self._list(child, sink, None, 1)
            elif child.tag == f"{TABLE}table":
                self._table(child, sink)
            elif child.tag.startswith(DRAW):
                inline = Inline()
                self._document.drawn(child, inline)
                self._anchored(inline, sink)
            else:
                self._blocks(child, sink)
            if sink is self._builder:
                self._write_notes("footnote")

    def _paragraph(self, paragraph: Element, sink: Sink) -> None:
        inline = self._inline(paragraph)
        sink.paragraph(inline.text)
        self._anchored(inline, sink)

    def _heading(self, heading: Element, sink: Sink, marker: str = "") -> None:
        inline = self._inline(heading)
        level = max(1, whole_number(heading.get(f"{TEXT}outline-level"), 1))
        number = heading.find(f"{TEXT}number")
        if number is not None:
            marker = "".join(number.itertext())
        elif not marker and heading.get(f"{TEXT}is-list-header") != "true":
            marker = self._marker(self._outline, level, heading)
        sink.heading(level, f"{marker} {inline.text}" if marker else inline.text)
        self._anchored(inline, sink)

    def _inline(self, paragraph: Element) -> Inline:
        inline = Inline()
        look = self._document.look("paragraph", paragraph.get(f"{TEXT}style-name"))
        if look.hidden:
            self._builder.losses.add("hidden text left out")
            return inline
        inline.pieces.append((look.script, paragraph.text or ""))
        self._document.read(paragraph, inline, look.script)
        marks = map(self._mark_of_note, inline.notes)
        inline.pieces = [
            ("", next(marks)) if text == NOTE_MARK else (script, text)
            for script, text in inline.pieces
        ]
        return inline

    def _anchored(self, inline: Inline, sink: Sink) -> None:
        for box in inline.boxes:
            self._blocks(box, sink)

    # -- lists -------------------------------------------------------------------------------

    def _list(self, element: Element, sink: Sink, outer: _List | None, level: int) -> None:
        if level > _DEEPEST:
            self._blocks(element, sink)
            return
        under_way = self._under_way(element, outer)
        for item in element:
            if local_name(item) not in ("list-item", "list-header"):
                continue
            fresh = local_name(item) == "list-item"
            for child in item:
                if child.tag == f"{TEXT}list":
                    self._list(child, sink, under_way, level + 1)
                elif child.tag in (f"{TEXT}p", f"{TEXT}h"):
                    marker = self._marker(under_way, level, item) if fresh else ""
                    fresh = False
                    self._item(child, marker, level, under_way, sink)
                else:
                    self._blocks([child], sink)

    def _under_way(self, element: Element, outer: _List | None) -> _List:
        style = element.get(f"{TEXT}style-name", "")
        continued = self._named.get(element.get(f"{TEXT}continue-list", ""))
        if continued is None and element.get(f"{TEXT}continue-numbering") == "true":
            continued = self._last.get(style)
        if continued is None:
            same = outer is not None and style in ("", outer.style)
            continued = outer if outer is not None and same else _List(style, id(element))
        if outer is not None:
            continued.outermost = outer.outermost
        self._last[style] = continued
        if name := element.get("{http://www.w3.org/XML/1998/namespace}id"):
            self._named[name] = continued
        return continued

    def _item(self, child: Element, marker: str, level: int, of: _List, sink: Sink) -> None:
        if child.tag == f"{TEXT}h":
            self._heading(child, sink, "" if marker == BULLET else marker)
            return
        inline = self._inline(child)
        if marker:
            sink.item(marker, inline.text, depth=level - 1, of=of.outermost)
        else:
            sink.paragraph(inline.text)
        self._anchored(inline, sink)

    def _marker(self, of: _List, level: int, item: Element) -> str:
        """What stands before an item, which is counted."""
        written = item.find(f"{TEXT}number")
        style = self._levels.get(of.style, {}).get(level)
        if style is None:
            return BULLET if of is not self._outline else ""
        for deeper in [each for each in of.counts if each > level]:
            del of.counts[deeper]
        start = whole_number(style.get(f"{TEXT}start-value"), 1)
        given = item.get(f"{TEXT}start-value", "")
        if not given and item.get(f"{TEXT}restart-numbering") == "true":
            given = "1"
        count = of.counts.get(level, start - 1) + 1
        of.counts[level] = whole_number(given, start) if given else count
        if written is not None:
            return "".join(written.itertext())
        if local_name(style) == "list-level-style-bullet" or local_name(style).endswith("image"):
            return BULLET
        shown = self._numbers(of, level, style)
        prefix, suffix = (style.get(f"{STYLE}num-{name}", "") for name in ("prefix", "suffix"))
        return f"{prefix}{shown}{suffix}".strip() if shown else ""

    def _numbers(self, of: _List, level: int, style: Element) -> str:
        if not style.get(f"{STYLE}num-format"):
            return ""
        first = level - max(1, whole_number(style.get(f"{TEXT}display-levels"), 1)) + 1
        parts = []
        for each in range(max(1, first), level + 1):
            form = self._levels[of.style].get(each, style).get(f"{STYLE}num-format", "")
            if form:
                parts.append(in_form(of.counts.get(each, 1), _FORMS.get(form, "decimal")))
        return ".".join(parts)

    # -- tables ------------------------------------------------------------------------------

    def _table(self, table: Element, sink: Sink) -> None:
        rows = list(rows_of(table))
        cells = [[cell for cell in row if local_name(cell).endswith("table-cell")] for row in rows]
        nested = any(
            next(cell.iter(f"{TABLE}table"), None) is not None for row in cells for cell in row
        )
        if (
            nested
            or max(map(len, cells), default=0) <= 1
            or next(table.iter(f"{TEXT}h"), None) is not None
        ):
            for row in cells:
                for cell in row:
                    self._blocks(cell, sink)
            return
        sink.table([self._row(row) for row in cells])

    def _row(self, cells: list[Element]) -> list[str]:
        texts: list[str] = []
        for cell in cells:
            lines = Lines()
            self._blocks(cell, lines)
            repeated = whole_number(cell.get(f"{TABLE}number-columns-repeated"), 1)
            texts += [lines.text()] * min(max(1, repeated), _MOST_COLUMNS)
        return texts[:_MOST_COLUMNS]

    # -- notes, page headers and footers -----------------------------------------------------

    def _mark_of_note(self, note: Element) -> str:
        """Its mark; the note itself comes behind the paragraph."""
        kind = note.get(f"{TEXT}note-class", "footnote")
        kind = kind if kind in self._note_count else "footnote"
        self._note_count[kind] += 1
        form = "lowerRoman" if kind == "endnote" else "decimal"
        mark = f"[^{in_form(self._note_count[kind], form)}]"
        self._notes.append((f"{kind} {mark}", note))
        return mark

    def _write_notes(self, kind: str) -> None:
        due = [each for each in self._notes if each[0].startswith(kind)]
        self._notes = [each for each in self._notes if not each[0].startswith(kind)]
        for name, note in due:
            lines = Lines()
            for body in note.findall(f"{TEXT}note-body"):
                self._blocks(body, lines)
            self._builder.paragraph(f"{name.partition(' ')[2]}: {lines.text()}")

    def _margins(self) -> tuple[list[str], list[str]]:
        """Page headers and footers of the pages that there are, each once."""
        found: dict[str, dict[str, None]] = {"header": {}, "footer": {}}
        for page in self._document.styles.iter(f"{STYLE}master-page"):
            for part in page:
                name = local_name(part).partition("-")[0]
                if name in found and part.get(f"{STYLE}display") != "false":
                    lines = Lines()
                    self._blocks(part, lines)
                    found[name][lines.text()] = None
        headers, footers = (
            [text for text in texts if any(map(str.isalpha, text))] for texts in found.values()
        )
        return headers, [text for text in footers if text not in headers]
