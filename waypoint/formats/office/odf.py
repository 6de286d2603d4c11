"""OpenDocument: its parts, styles, and what stands in a paragraph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree
from zipfile import ZipFile

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import TextBuilder
from waypoint.formats.markup.zipped_xml import (
    XML_SUFFIXES,
    Element,
    check_xml,
    local_name,
    open_zip,
    rejecting_damage,
    whole_number,
)
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.office.math_text import mathml_text
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.scripts import Script, with_scripts

_NAMES = "urn:oasis:names:tc:opendocument:xmlns"
TEXT = f"{{{_NAMES}:text:1.0}}"
TABLE = f"{{{_NAMES}:table:1.0}}"
DRAW = f"{{{_NAMES}:drawing:1.0}}"
OFFICE = f"{{{_NAMES}:office:1.0}}"
STYLE = f"{{{_NAMES}:style:1.0}}"
PRESENTATION = f"{{{_NAMES}:presentation:1.0}}"
_SVG = f"{{{_NAMES}:svg-compatible:1.0}}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_FIELDS = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "description": "description",
    "keyword": "keywords",
    "language": "language",
}
NOTE_MARK = "\0"
"""Stands where a note is referred to; no XML holds this character."""
_MOST_STEPS = 20
_MOST_SPACES = 1_000
_NO_EQUATION = "equations that say nothing"
_LENGTH = re.compile(r"([\d.]+)(cm|mm|in|pt)")
_IN_CM = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 0.0353}
LARGE_IMAGE = 5.0
"""Centimetres: what is smaller either way is hardly more than a logo or an icon."""


@dataclass(frozen=True, slots=True)
class Look:
    """A style, as far as it matters to the text."""

    script: Script = ""
    hidden: bool = False
    list_style: str = ""


@dataclass(slots=True)
class Inline:
    """What was read of a paragraph."""

    pieces: list[tuple[Script, str]] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    """Text boxes, and shapes with text, that are anchored here."""
    notes: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return with_scripts(self.pieces).replace("\u00ad", "")


class OpenDocument:
    """A document's parts.

    Args:
        lose: is called with what of the text cannot be kept.
    """

    def __init__(self, source: str, archive: ZipFile, lose: Callable[[str], None]) -> None:
        self._source = source
        self._archive = archive
        self._lose = lose
        self._names = frozenset(archive.namelist())
        self.content = self._xml("content.xml")
        self.styles = self._xml("styles.xml") if "styles.xml" in self._names else Element("none")
        self._elements = {
            (each.get(f"{STYLE}family", ""), each.get(f"{STYLE}name", "")): each
            for root in (self.styles, self.content)
            for each in root.iter(f"{STYLE}style")
        }
        self._looks: dict[tuple[str, str], Look] = {}

    def body(self, kind: str) -> Element:
        """``text``, ``spreadsheet`` or ``presentation``. Raises KeyError if it is none."""
        body = self.content.find(f"{OFFICE}body/{OFFICE}{kind}")
        if body is None:
            raise KeyError(kind)
        return body

    def style(self, family: str, name: str | None) -> Element | None:
        return self._elements.get((family, name or ""))

    def look(self, family: str, name: str | None) -> Look:
        """With what it takes over from the styles that it is based on."""
        key = family, name or ""
        if key not in self._looks:
            self._looks[key] = self._inherited(*key)
        return self._looks[key]

    def properties(self) -> FieldCollector:
        fields = FieldCollector()
        if "meta.xml" in self._names:
            keywords = []
            for element in self._xml("meta.xml").iter():
                name = _FIELDS.get(local_name(element))
                if name == "keywords" and element.text:
                    keywords.append(element.text)
                elif name and element.text:
                    fields.add(name, element.text)
            fields.add("keywords", ", ".join(keywords))
        return fields

    def read(self, paragraph: Iterable[Element], into: Inline, script: Script = "") -> None:
        """Read what a paragraph, or a part of one, shows."""
        for child in paragraph:
            self._child(child, into, script)
            if child.tail:
                into.pieces.append((script, " ".join(child.tail.split("\n"))))

    def _child(self, child: Element, into: Inline, script: Script) -> None:
        name = local_name(child)
        if child.tag.startswith(TEXT):
            match name:
                case "s":
                    count = whole_number(child.get(f"{TEXT}c"), 1)
                    into.pieces.append((script, " " * min(max(0, count), _MOST_SPACES)))
                case "tab":
                    into.pieces.append((script, "\t"))
                case "line-break":
                    into.pieces.append((script, "\n"))
                case "note":
                    into.notes.append(child)
                    into.pieces.append(("", NOTE_MARK))
                case "ruby":
                    self._ruby(child, into)
                case "page-number" | "page-count" | "soft-page-break" | "number":
                    pass
                case _:
                    self._part(child, into, script)
        elif child.tag == f"{OFFICE}annotation":
            self._lose("comments left out")
        elif child.tag.startswith(DRAW):
            self.drawn(child, into)

    def _part(self, part: Element, into: Inline, script: Script) -> None:
        look = self.look("text", part.get(f"{TEXT}style-name"))
        if look.hidden:
            self._lose("hidden text left out")
            return
        script = look.script or script
        into.pieces.append((script, part.text or ""))
        self.read(part, into, script)

    def _ruby(self, ruby: Element, into: Inline) -> None:
        base, sounds = (
            "".join(part.itertext())
            if (part := ruby.find(f"{TEXT}ruby-{name}")) is not None
            else ""
            for name in ("base", "text")
        )
        into.pieces.append(("", f"{base}({sounds})" if base and sounds else base or sounds))

    def drawn(self, drawing: Element, into: Inline) -> None:
        """A frame with its box, image or object; or a shape, whose text is in it."""
        if drawing.tag == f"{DRAW}g":
            for each in drawing:
                self.drawn(each, into)
        elif drawing.tag != f"{DRAW}frame":
            if next(drawing.iter(f"{TEXT}p"), None) is not None:
                into.boxes.append(drawing)
        elif (box := drawing.find(f"{DRAW}text-box")) is not None:
            into.boxes.append(box)
        elif drawing.find(f"{TABLE}table") is not None:
            into.boxes.append(drawing)
        elif (held := drawing.find(f"{DRAW}object")) is not None:
            self._object(held, into)
        elif drawing.find(f"{DRAW}object-ole") is not None:
            self._lose("embedded objects not read")
        elif drawing.find(f"{DRAW}image") is not None and _is_large(drawing):
            self._lose("images not read")

    def _object(self, held: Element, into: Inline) -> None:
        """An equation; a chart or a sheet is lost."""
        folder = held.get(f"{_XLINK}href", "").removeprefix("./").rstrip("/")
        name = f"{folder}/content.xml"
        root = self._xml(name) if name in self._names else held
        math = next((each for each in root.iter() if local_name(each) == "math"), None)
        text = "" if math is None else mathml_text(math).strip()
        if text:
            into.pieces.append(("", text))
        else:
            self._lose("charts and embedded sheets not read" if math is None else _NO_EQUATION)

    def _inherited(self, family: str, name: str) -> Look:
        chain: list[Element] = []
        element = self._elements.get((family, name))
        while element is not None and len(chain) < _MOST_STEPS:
            chain.append(element)
            element = self._elements.get((family, element.get(f"{STYLE}parent-style-name", "")))
        look = Look()
        for each in reversed(chain):
            look = _with_own(look, each)
        return look

    def _xml(self, name: str) -> Element:
        content = self._archive.read(name)
        # OpenOffice wrote the address of a document type into its parts.
        check_xml(self._source, content, may_name_type=True)
        return ElementTree.fromstring(content)  # noqa: S314 - it declares no entities


def read_open_document(
    source: str, data: bytes, write: Callable[[OpenDocument, TextBuilder], None]
) -> ParsedDocument:
    """The document that ``write`` writes of its parts.

    Raises DocumentRejectedError, also where there is no text but what was lost.
    """
    builder = TextBuilder(source)
    with open_zip(source, data, XML_SUFFIXES) as archive, rejecting_damage(source):
        _refuse_encrypted(source, archive)
        document = OpenDocument(source, archive, builder.losses.add)
        write(document, builder)
        fields = document.properties()
    builder.require_text()
    return builder.parsed(fields)


def _refuse_encrypted(source: str, archive: ZipFile) -> None:
    manifest = "META-INF/manifest.xml"
    if manifest in archive.namelist() and b"encryption-data" in archive.read(manifest):
        raise DocumentRejectedError(
            source, "encrypted with a password", hint="save a copy without password"
        )


def _with_own(base: Look, element: Element) -> Look:
    look = replace(base, list_style=element.get(f"{STYLE}list-style-name") or base.list_style)
    properties = element.find(f"{STYLE}text-properties")
    if properties is None:
        return look
    position = properties.get(f"{STYLE}text-position", "").split()
    if position:
        look = replace(look, script=_script(position[0]))
    display = properties.get(f"{TEXT}display")
    return look if display is None else replace(look, hidden=display == "none")


def _script(position: str) -> Script:
    """``super``, ``sub``, or by how many per cent of the line it is raised."""
    if position in ("super", "sub"):
        return "^" if position == "super" else "_"
    percent = whole_number(position.rstrip("%"), 0)
    return "^" if percent > 0 else "_" if percent < 0 else ""


def _is_large(frame: Element) -> bool:
    sides = [_length(frame.get(f"{_SVG}{side}", "")) for side in ("width", "height")]
    return all(side is None or side >= LARGE_IMAGE for side in sides)


def _length(text: str) -> float | None:
    match = _LENGTH.fullmatch(text)
    try:
        return float(match[1]) * _IN_CM[match[2]] if match else None
    except ValueError:
        return None


def rows_of(table: Element) -> Iterator[Element]:
    """The rows of a table, also those in groups and headers."""
    for child in table:
        if child.tag == f"{TABLE}table-row":
            yield child
        elif child.tag.startswith(TABLE) and "row" in local_name(child):
            yield from rows_of(child)
