"""Presentations (PPTX): a page for each slide, its title a heading, its notes behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from waypoint.formats.composing import TextBuilder
from waypoint.formats.markup.zipped_xml import (
    Element,
    local_name,
    open_office_zip,
    rejecting_damage,
    whole_number,
)
from waypoint.formats.office.charts import chart_rows, chart_title, diagram_texts
from waypoint.formats.office.docx_numbering import in_form
from waypoint.formats.office.math_text import math_text
from waypoint.formats.office.ooxml import DIAGRAM, MC, A, M, P, Package, R, chosen
from waypoint.formats.office.sheet_rows import SHEET_LEVEL
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.scripts import Script, with_scripts
from waypoint.formats.text.symbols import in_font

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("sldNum", "dt", "ftr", "hdr")
"""What is on every slide: its number, the date, a footer."""
_LARGE_EMU = 1_800_000
_PRIVATE = re.compile("[\ue000-\uf8ff]+")
_NUMBER = re.compile(r"(arabic|alphaLc|alphaUc|romanLc|romanUc)(Period|ParenR|ParenBoth|Plain)")
_FORMS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}


class SlideReader:
    """Reads PPTX. Dates, numbers of slides and how things look are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        builder = TextBuilder(source)
        with open_office_zip(source, data) as archive, rejecting_damage(source):
            package = Package(archive)
            footers: dict[str, None] = {}
            for number, part in enumerate(_slides(package), 1):
                _Slide(package, part, number, builder, footers).write()
            for footer in footers:
                builder.paragraph(footer)
            fields = package.properties()
        builder.require_text()
        return builder.parsed(fields)


@dataclass(slots=True)
class _Content:
    """What is on a slide, before it is known whether it is worth a heading."""

    title: str = ""
    texts: list[tuple[str, str, int]] = field(default_factory=list)
    """Marker of a list's item or nothing, text, and depth."""
    tables: list[tuple[int, list[list[str]]]] = field(default_factory=list)
    """Behind how many of the texts, and its rows."""

    def add(self, text: str, marker: str = "", depth: int = 0) -> None:
        if text.strip():
            self.texts.append((marker, text, depth))


def _slides(package: Package) -> Iterator[str]:
    """Parts, in the order of the presentation."""
    main = package.main_part()
    relations = package.relations(main)
    for each in package.xml(main).iter(f"{P}sldId"):
        relation = relations.get(each.get(f"{R}id", ""))
        if relation is not None and relation.target in package.names:
            yield relation.target


class _Slide:
    """One slide under way.

    Args:
        number: from 1 on.
        footers: takes the footers that are met, each once.
    """

    def __init__(
        self,
        package: Package,
        part: str,
        number: int,
        builder: TextBuilder,
        footers: dict[str, None],
    ) -> None:
        self._package = package
        self._root = package.xml(part)
        self._relations = package.relations(part)
        self._number = number
        self._builder = builder
        self._content = _Content()
        self._footers = footers

    def write(self) -> None:
        # A hidden slide has its number all the same.
        self._builder.page()
        if self._root.get("show") in ("0", "false"):
            self._builder.losses.add("hidden slides left out", "slide", self._number)
            return
        for tree in self._root.findall(f"{P}cSld/{P}spTree"):
            self._shapes(tree)
        notes = self._notes()
        content, builder = self._content, self._builder
        if not (content.title or content.texts or content.tables or notes):
            return
        builder.place("slide", self._number)
        builder.heading(SHEET_LEVEL, content.title or f"Slide {self._number}")
        tables = iter([*content.tables, (len(content.texts), [])])
        behind, rows = next(tables)
        for number, (marker, text, depth) in enumerate(content.texts):
            while number == behind and rows:
                builder.table(rows)
                behind, rows = next(tables)
            if marker:
                builder.item(marker, text, depth=depth, of=self._number)
            else:
                builder.paragraph(text)
        while rows:
            builder.table(rows)
            behind, rows = next(tables)
        if notes:
            builder.paragraph(f"Notes: {notes}")

    def _lose(self, what: str) -> None:
        self._builder.losses.add(what, "slide", self._number)

    def _lose_sign(self) -> None:
        self._lose("symbols without a meaning outside their font")

    def _notes(self) -> str:
        for relation in self._relations.values():
            if relation.kind == "comments":
                self._lose("comments left out")
            if relation.kind == "notesSlide" and relation.target in self._package.names:
                shapes = self._package.xml(relation.target).iter(f"{P}sp")
                texts = [
                    self._text(paragraph)
                    for shape in shapes
                    if _placeholder(shape) == "body"
                    for paragraph in shape.iter(f"{A}p")
                ]
                return "\n".join(text for text in texts if text.strip())
        return ""

    # -- shapes ------------------------------------------------------------------------------

    def _shapes(self, tree: Iterable[Element]) -> None:
        for shape in tree:
            match local_name(shape):
                case "sp":
                    self._shape(shape)
                case "grpSp":
                    self._shapes(shape)
                case "graphicFrame":
                    self._frame(shape)
                case "AlternateContent":
                    self._shapes(chosen(shape))
                case "pic":
                    self._picture(shape)

    def _shape(self, shape: Element) -> None:
        kind = _placeholder(shape)
        paragraphs = [each for body in shape.findall(f"{P}txBody") for each in body]
        paragraphs = [each for each in paragraphs if each.tag == f"{A}p"]
        if kind in _FURNITURE:
            text = " ".join(map(self._text, paragraphs)).strip()
            if kind == "ftr" and text:
                self._footers[text] = None
            return
        if kind in _TITLES and not self._content.title:
            lines = (self._text(each) for each in paragraphs)
            self._content.title = " ".join(" ".join(lines).split())
            return
        numbers: dict[int, int] = {}
        several = len(paragraphs) > 1
        for paragraph in paragraphs:
            look = paragraph.find(f"{A}pPr")
            level = 0 if look is None else whole_number(look.get("lvl"), 0)
            marker = _marker(look, level, numbers)
            if marker is None:
                # The layout gives the text of a slide its bullets.
                marker = "-" if kind in ("body", "obj") and (several or level) else ""
            self._content.add(self._text(paragraph), marker, level)

    def _frame(self, frame: Element) -> None:
        for each in frame.iter():
            match local_name(each):
                case "tbl":
                    rows = [self._row(row) for row in each.findall(f"{A}tr")]
                    if any(any(row) for row in rows):
                        self._content.tables.append((len(self._content.texts), rows))
                case "chart" if f"{R}id" in each.attrib:
                    self._figure(each.get(f"{R}id", ""))
                case "relIds" if each.tag.startswith(DIAGRAM):
                    self._figure(each.get(f"{R}dm", ""))
        if next(frame.iter(f"{P}oleObj"), None) is not None:
            self._lose("embedded objects not read")

    def _row(self, row: Element) -> list[str]:
        return [
            "\n".join(self._text(paragraph) for paragraph in cell.iter(f"{A}p"))
            for cell in row.findall(f"{A}tc")
        ]

    def _figure(self, relation_id: str) -> None:
        relation = self._relations.get(relation_id)
        if relation is None or relation.target not in self._package.names:
            self._lose("charts and diagrams not read")
            return
        root = self._package.xml(relation.target)
        texts, rows = diagram_texts(root), chart_rows(root)
        if not texts and not rows:
            self._lose("charts and diagrams not read")
        for text in (chart_title(root), *texts):
            self._content.add(text)
        if rows:
            self._content.tables.append((len(self._content.texts), rows))

    def _picture(self, picture: Element) -> None:
        if any(local_name(each) in ("videoFile", "audioFile") for each in picture.iter()):
            self._lose("videos and sounds not read")
            return
        size = picture.find(f"{P}spPr/{A}xfrm/{A}ext")
        sides = [0 if size is None else whole_number(size.get(side), 0) for side in ("cx", "cy")]
        # One of a placeholder has the size that its layout gives it: it is made for pictures.
        if size is None or min(sides) >= _LARGE_EMU:
            self._lose("images not read")

    # -- text --------------------------------------------------------------------------------

    def _text(self, paragraph: Element) -> str:
        return with_scripts(self._pieces(paragraph))

    def _pieces(self, parent: Iterable[Element]) -> Iterator[tuple[Script, str]]:
        for child in parent:
            match local_name(child):
                case "r":
                    yield self._run(child)
                case "fld" if child.get("type") != "slidenum":
                    yield self._run(child)
                case "br":
                    yield "", "\n"
                case "oMath" | "oMathPara" if child.tag.startswith(M):
                    yield "", math_text(child).strip()
                case "AlternateContent" if child.tag.startswith(MC):
                    yield from self._pieces(chosen(child))
                case "m":
                    yield from self._pieces(child)

    def _run(self, run: Element) -> tuple[Script, str]:
        text = run.findtext(f"{A}t") or ""
        look = run.find(f"{A}rPr")
        if look is None:
            return "", text
        signs, letters = (
            "" if (font := look.find(f"{A}{name}")) is None else font.get("typeface", "")
            for name in ("sym", "latin")
        )
        # The font for signs is that of private characters alone.
        text = _PRIVATE.sub(lambda some: in_font(signs or letters, some[0], self._lose_sign), text)
        text = in_font(letters, text, self._lose_sign)
        raised = whole_number(look.get("baseline"), 0)
        return ("^" if raised > 0 else "_" if raised < 0 else ""), text


def _placeholder(shape: Element) -> str:
    """What a shape is for; empty for a box of its own."""
    for each in shape.iter(f"{P}ph"):
        return each.get("type", "obj")
    return ""


def _marker(look: Element | None, level: int, numbers: dict[int, int]) -> str | None:
    """What stands before a paragraph; None if it doesn't say so itself."""
    for deeper in [each for each in numbers if each > level]:
        del numbers[deeper]
    number = None if look is None else look.find(f"{A}buAutoNum")
    if number is not None:
        start = whole_number(number.get("startAt"), 1)
        numbers[level] = numbers.get(level, start - 1) + 1
        return _numbered(numbers[level], number.get("type", ""))
    numbers.pop(level, None)
    if look is None:
        return None
    if look.find(f"{A}buNone") is not None:
        return ""
    return None if look.find(f"{A}buChar") is None else "-"


def _numbered(number: int, form: str) -> str:
    match = _NUMBER.match(form)
    if match is None:
        return f"{number}."
    shown = in_form(number, _FORMS[match[1]])
    return {"Period": f"{shown}.", "ParenR": f"{shown})", "Plain": shown}.get(
        match[2], f"({shown})"
    )
