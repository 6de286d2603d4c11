"""The numbers of lists, headings and clauses, counted as Word shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from waypoint.formats.markup.zipped_xml import Element, whole_number
from waypoint.formats.office.ooxml import W, is_on

_PLACE = re.compile(r"%([1-9])")
_MOST_LEVELS = 9
_HAN = "〇一二三四五六七八九"
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
BULLET = "-"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a list."""

    start: int = 1
    form: str = "decimal"
    text: str = ""
    """With %1 to %9 for the numbers of the levels."""
    all_decimal: bool = False
    restart: int | None = None
    """After which level, from 1 on, it starts again; 0 for never; None for any above it."""
    digits: int = 1


@dataclass(slots=True)
class _Definition:
    """A list that others share: paragraphs of all of them count on together."""

    levels: dict[int, Level] = field(default_factory=dict)
    by_style: dict[str, int] = field(default_factory=dict)
    style_link: str = ""
    counts: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Number:
    definition: _Definition
    starts: Mapping[int, int]
    levels: Mapping[int, Level]


class Numbering:
    """Counts on with each paragraph.

    Args:
        root: of the numbering part, None if there is none.
        numbered_by: the id of the list that a style of that id is numbered by.
    """

    def __init__(self, root: Element | None, numbered_by: Callable[[str], str]) -> None:
        self._numbered_by = numbered_by
        self._started: set[str] = set()
        self._numbers: dict[str, _Number] = {}
        if root is None:
            return
        definitions = {
            each.get(f"{W}abstractNumId", ""): _definition(each)
            for each in root.iter(f"{W}abstractNum")
        }
        for each in root.iter(f"{W}num"):
            of = each.find(f"{W}abstractNumId")
            definition = definitions.get("" if of is None else of.get(f"{W}val", ""))
            if definition is not None:
                number_id = each.get(f"{W}numId", "")
                self._numbers[number_id] = _Number(definition, *_overrides(each))

    def level_of_style(self, number_id: str, style_id: str) -> int | None:
        """The level that a list keeps for paragraphs of a style."""
        number = self._resolved(number_id)
        return number.definition.by_style.get(style_id) if number else None

    def next(self, number_id: str, level: int) -> str:
        """What stands before the next paragraph of that list; ``BULLET`` for any bullet, empty
        for nothing."""
        number = self._resolved(number_id)
        if number is None or not 0 <= level < _MOST_LEVELS:
            return ""
        counts = number.definition.counts
        if number_id not in self._started:
            self._started.add(number_id)
            for of, start in number.starts.items():
                counts[of] = start - 1
        here = _level(number, level)
        counts[level] = counts.get(level, here.start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            restart = _level(number, deeper).restart
            if restart is None or (restart > 0 and level < restart):
                del counts[deeper]
        if here.form == "bullet":
            return BULLET
        return _PLACE.sub(lambda place: self._shown(number, int(place[1]) - 1, here), here.text)

    def _shown(self, number: _Number, level: int, here: Level) -> str:
        of = _level(number, level)
        count = number.definition.counts.setdefault(level, of.start)
        return in_form(count, "decimal" if here.all_decimal else of.form, of.digits)

    def _resolved(self, number_id: str) -> _Number | None:
        number = self._numbers.get(number_id)
        if number is not None and number.definition.style_link and not number.definition.levels:
            linked = self._numbers.get(self._numbered_by(number.definition.style_link))
            return linked or number
        return number


def _level(number: _Number, level: int) -> Level:
    found = number.levels.get(level) or number.definition.levels.get(level)
    return found or Level(text=f"%{level + 1}.")


def _definition(element: Element) -> _Definition:
    definition = _Definition()
    for each in element.iter(f"{W}lvl"):
        level = whole_number(each.get(f"{W}ilvl"), 0)
        definition.levels[level] = _read_level(each)
        if style := _value(each, "pStyle"):
            definition.by_style[style] = level
    definition.style_link = _value(element, "numStyleLink") or ""
    return definition


def _overrides(element: Element) -> tuple[dict[int, int], dict[int, Level]]:
    starts, levels = {}, {}
    for each in element.iter(f"{W}lvlOverride"):
        level = whole_number(each.get(f"{W}ilvl"), 0)
        if (start := _value(each, "startOverride")) is not None:
            starts[level] = whole_number(start, 1)
        if (other := each.find(f"{W}lvl")) is not None:
            levels[level] = _read_level(other)
    return starts, levels


def _read_level(element: Element) -> Level:
    # A form of its own ("001, 002") stands in mc:AlternateContent, before one for old programs.
    form = next(element.iter(f"{W}numFmt"), None)
    restart = _value(element, "lvlRestart")
    name = "decimal" if form is None else form.get(f"{W}val", "decimal")
    digits = 1
    if form is not None and name == "custom":
        name, digits = "decimal", len(form.get(f"{W}format", "1").partition(",")[0].strip())
    elif name == "decimalZero":
        name, digits = "decimal", 2
    return Level(
        start=whole_number(_value(element, "start"), 1),
        form=name,
        text=_value(element, "lvlText") or "",
        all_decimal=is_on(element.find(f"{W}isLgl")),
        restart=None if restart is None else whole_number(restart, 0),
        digits=digits,
    )


def _value(element: Element, name: str) -> str | None:
    found = element.find(f"{W}{name}")
    return None if found is None else found.get(f"{W}val")


def in_form(number: int, form: str, digits: int = 1) -> str:
    """A number in one of the forms of Word; in digits, where a form isn't known here."""
    match form:
        case "none":
            return ""
        case "lowerLetter" | "upperLetter" if number > 0:
            # After z comes aa, then bb.
            letters = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 20)
            return letters.upper() if form == "upperLetter" else letters
        case "lowerRoman" | "upperRoman" if 0 < number < 5000:
            roman = _roman(number)
            return roman.upper() if form == "upperRoman" else roman
        case "ordinal":
            return f"{number}{_ordinal_ending(number)}"
        case "russianLower" | "russianUpper" if 0 < number <= 28:
            letter = "абвгдежзиклмнопрстуфхцчшщыэюя"[number - 1]
            return letter.upper() if form == "russianUpper" else letter
        case (
            "chineseCounting" | "chineseCountingThousand" | "japaneseCounting"
            | "taiwaneseCounting" | "taiwaneseCountingThousand" | "koreanCounting"
        ) if 0 < number < 100:  # fmt: skip
            tens, ones = divmod(number, 10)
            ten = "" if not tens else "十" if tens == 1 else f"{_HAN[tens]}十"
            return ten + (_HAN[ones] if ones else "")
        case "ideographDigital":
            return "".join(_HAN[int(digit)] for digit in str(abs(number)))
        case "decimalEnclosedCircle" if 0 < number <= 20:
            return chr(ord("①") + number - 1)
        case "numberInDash":
            return f"- {number} -"
    return f"{number:0{digits}}"


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        while number >= value:
            text += letters
            number -= value
    return text


def _ordinal_ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
