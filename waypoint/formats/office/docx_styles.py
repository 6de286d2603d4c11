"""What the styles of a Word document say: headings, numberings, hidden text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from xml.etree import ElementTree

from waypoint.formats.markup.zipped_xml import Element, whole_number
from waypoint.formats.office.ooxml import Package, W, as_transitional, is_on

STYLES_PART = "word/styles.xml"
_MAX_KEPT_BYTES = 1024 * 1024
"""Of a styles part: four of them are kept, however large a document makes them."""
_HEADING = re.compile(r"heading\s*([1-9])", re.IGNORECASE)
_CONTENTS = re.compile(r"toc\s*\d", re.IGNORECASE)
_MOST_STEPS = 20
"""From a style to the ones it is based on; a circle ends there."""


@dataclass(frozen=True, slots=True)
class Style:
    """A style, with what it takes over from those that it is based on."""

    heading: int = 0
    """1 to 9; 0 for none."""
    is_contents: bool = False
    """Whether it is that of a table of contents."""
    number_id: str = ""
    level: int | None = None
    hidden: bool = False
    script: str = ""
    font: str = ""


NO_STYLE = Style()


def read_styles(package: Package, part: str) -> Mapping[str, Style]:
    """By id."""
    if part not in package.names:
        return {}
    content = package.bytes(part)
    read = _styles if len(content) <= _MAX_KEPT_BYTES else _styles.__wrapped__
    return read(content)


def style_of(styles: Mapping[str, Style], style_id: str | None) -> Style:
    """The style of that id; where none is defined, what its id itself says of it."""
    if not style_id:
        return NO_STYLE
    return styles.get(style_id) or _named(style_id)


@lru_cache(maxsize=4)
def _styles(content: bytes) -> dict[str, Style]:
    """Kept, as all documents of one template have the same part."""
    # open_office_zip has made sure that it declares no entities.
    root = ElementTree.fromstring(as_transitional(content))  # noqa: S314
    elements = {each.get(f"{W}styleId", ""): each for each in root.iter(f"{W}style")}
    return {style_id: _inherited(style_id, elements) for style_id in elements}


def _inherited(style_id: str, elements: Mapping[str, Element]) -> Style:
    chain: list[Element] = []
    current: str | None = style_id
    while current is not None and current in elements and len(chain) < _MOST_STEPS:
        element = elements[current]
        chain.append(element)
        current = _value(element, "basedOn")
    style = NO_STYLE
    for element in reversed(chain):
        style = _with_own(style, element)
    return style


def _with_own(base: Style, element: Element) -> Style:
    named = _named(_value(element, "name") or "")
    outline = _value(element, "pPr/w:outlineLvl")
    heading = named.heading or base.heading
    if outline is not None:
        level = whole_number(outline, 9)
        heading = level + 1 if 0 <= level < 9 else 0
    vanish = element.find(f"{W}rPr/{W}vanish")
    fonts = element.find(f"{W}rPr/{W}rFonts")
    level_text = _value(element, "pPr/w:numPr/w:ilvl")
    return replace(
        base,
        heading=heading,
        is_contents=named.is_contents or base.is_contents,
        number_id=_value(element, "pPr/w:numPr/w:numId") or base.number_id,
        level=whole_number(level_text, 0) if level_text is not None else base.level,
        hidden=base.hidden if vanish is None else is_on(vanish),
        script=_value(element, "rPr/w:vertAlign") or base.script,
        font=(fonts.get(f"{W}ascii", "") if fonts is not None else "") or base.font,
    )


def _named(name: str) -> Style:
    """What a name alone says: programs write the English names, in any case."""
    if match := _HEADING.fullmatch(name):
        return Style(heading=int(match[1]))
    if name.lower() == "title":
        return Style(heading=1)
    return Style(is_contents=bool(_CONTENTS.fullmatch(name)))


def _value(element: Element, path: str) -> str | None:
    found = element.find("/".join(f"{W}{step.removeprefix('w:')}" for step in path.split("/")))
    return None if found is None else found.get(f"{W}val")
