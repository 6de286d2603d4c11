"""How the cells of a workbook of Excel are shown: with a unit, in per cent, with zeros in front."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from waypoint.formats.markup.zipped_xml import local_name, whole_number
from waypoint.formats.office.ooxml import Package, R
from waypoint.formats.office.sheet_rows import Figure, Value, shown

CELL = re.compile(rb"<(?:\w+:)?c\s([^<>]*)>")
PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_STYLE = re.compile(rb'\bs="([0-9]{1,6})"')
_ERROR = re.compile(
    rb'<(?:\w+:)?c\s([^<>]*\bt="e"[^<>]*)>(?:<f[^<>]*(?:/>|>[^<]*</f>))?\s*<v>(#[\w/!?]{1,20})</v>'
)
_PART_OF_FORM = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<sign>[^\]-]*)[^\]]*\]|(?P<unseen>\[[^\]]*\]|[_*].)'
    r"|(?P<digits>General|[#0?][#0?,.]*|[.,]+)|(?P<other>.)",
    re.DOTALL,
)
_PERCENT_FORMS = {9: "0%", 10: "0.00%"}
"""Those that every workbook has."""
_NOT_A_FIGURE = re.compile("[ymdhsge/@]", re.IGNORECASE)
"""Of dates, fractions, powers of ten and texts."""
_SIGNS = " ()+-\u00a0"


@dataclass(frozen=True, slots=True)
class NumberForm:
    """What a sheet shows around a number, and how it is scaled."""

    before: str = ""
    after: str = ""
    factor: float = 1.0
    """100 for per cent, a thousandth for thousands."""
    digits: int = 1
    """At least so many, with zeros in front."""

    def figure(self, value: float) -> Figure:
        """With all its digits, also where the sheet shows fewer."""
        number = shown(float(abs(value) * self.factor))
        if self.digits > 1 and number.isdigit():
            number = number.zfill(self.digits)
        return Figure(f"{'-' if value < 0 else ''}{self.before}{number}{self.after}")


Looks: TypeAlias = Mapping[int, NumberForm | Figure]
"""By ``place_of`` each cell that is not shown as its value alone; an error is a figure."""


def place_of(row: int, column: int) -> int:
    """``row`` and ``column`` from 1 on; Excel has 16,384 columns."""
    return row << 15 | column


def column_of(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def looks_of(package: Package, most_bytes: int) -> dict[str, Looks]:
    """How cells are shown, by the sheet's name. ``most_bytes``: of a sheet's part."""
    forms = _forms(package)
    found: dict[str, Looks] = {}
    if "xl/workbook.xml" not in package.names:
        return found
    relations = package.relations("xl/workbook.xml")
    for sheet in package.xml("xl/workbook.xml").iter():
        relation = relations.get(sheet.get(f"{R}id", "")) if local_name(sheet) == "sheet" else None
        if relation is not None and relation.target in package.names:
            content = package.bytes(relation.target, most_bytes)
            found[sheet.get("name", "")] = _looks(content, forms)
    return found


def shown_as(value: Value, look: NumberForm | Figure | None) -> Value:
    """A cell's value as it is shown."""
    if isinstance(look, Figure):
        return look
    if look is None or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return look.figure(value)


def _looks(content: bytes, forms: Mapping[int, NumberForm]) -> Looks:
    looks: dict[int, NumberForm | Figure] = {}
    for look in CELL.findall(content) if forms else ():
        style = _STYLE.search(look)
        form = forms.get(int(style[1])) if style else None
        if form and (place := PLACE.search(look)):
            looks[place_of(int(place[2]), column_of(place[1]))] = form
    if b't="e"' in content:
        for look, error in _ERROR.findall(content):
            if place := PLACE.search(look):
                looks[place_of(int(place[2]), column_of(place[1]))] = Figure(error.decode())
    return looks


def _forms(package: Package) -> dict[int, NumberForm]:
    """By the number of a style, how it shows a number; without those that add nothing."""
    if "xl/styles.xml" not in package.names:
        return {}
    codes = dict(_PERCENT_FORMS)
    styles: list[int] = []
    for element in package.xml("xl/styles.xml").iter():
        match local_name(element):
            case "numFmt":
                codes[whole_number(element.get("numFmtId"), -1)] = element.get("formatCode", "")
            case "cellXfs":
                styles = [whole_number(each.get("numFmtId"), -1) for each in element]
    known = {number: form for number, code in codes.items() if (form := number_form(code))}
    return {style: known[number] for style, number in enumerate(styles) if number in known}


def number_form(code: str) -> NumberForm | None:
    """What a form shows around numbers; None if that is nothing, or isn't the same for all.

    The sign is the value's own, whatever the form has for it.
    """
    sections: list[list[re.Match[str]]] = [[]]
    for part in _PART_OF_FORM.finditer(code):
        if part.lastgroup == "other" and part["other"] == ";":
            sections.append([])
        else:
            sections[-1].append(part)
    forms = [_section_form(section) for section in sections[:2]]
    return forms[0] if forms[0] != NumberForm() and len(set(forms)) == 1 else None


def _section_form(parts: Sequence[re.Match[str]]) -> NumberForm | None:
    before = after = placeholders = ""
    factor = 1.0
    for part in parts:
        kind = str(part.lastgroup)
        text = part[kind]
        if kind == "digits":
            if after.strip(_SIGNS):
                return None  # a mask, as of a telephone number
            placeholders += text
        elif (kind == "unseen" and text[1:2] in "<>=") or (
            kind == "other" and _NOT_A_FIGURE.match(text)
        ):
            return None
        elif kind != "unseen":
            factor *= 100 if kind == "other" and text == "%" else 1
            if placeholders:
                after += text
            else:
                before += text
    if not placeholders:
        return None
    factor /= 1000.0 ** (len(placeholders) - len(placeholders.rstrip(",")))
    digits = len(placeholders) if set(placeholders) == {"0"} else 1
    return NumberForm(before.lstrip(_SIGNS), after.rstrip(_SIGNS), factor, digits)
