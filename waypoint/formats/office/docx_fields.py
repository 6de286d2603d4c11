"""Fields of Word: what they show, with the result that is stored or without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from waypoint.formats.markup.zipped_xml import Element, whole_number
from waypoint.formats.office.ooxml import W, is_on
from waypoint.formats.text.symbols import symbol

CHECKED, UNCHECKED = "☒", "☐"
_OF_PAGES = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES"})
_SHOWS_NOTHING = frozenset(
    (
        *("XE", "TC", "TA", "RD", "SET", "ASK", "PRIVATE", "NEXT", "NEXTIF", "SKIPIF", "ADVANCE"),
        *("TOC", "INDEX", "HYPERLINK", "BOOKMARK"),
    )
)
_RUBY = re.compile(r"\\s\\up\s*\d*\s*\(([^()]*)\)\s*[,;]\s*([^()]*)\)")
_FRACTION = re.compile(r"EQ\s+\\f\s*\(([^()\\]*)[,;]([^()\\]*)\)\s*", re.IGNORECASE)
_MOST_OPEN = 100


@dataclass(slots=True)
class _Field:
    """A field that has begun: its instruction, then its result."""

    instruction: str = ""
    in_result: bool = False
    muted: bool = False
    shown: bool = False
    form: Element | None = None


class Fields:
    """The fields that have begun and not ended; they may reach over several paragraphs.

    Args:
        lose: is called with what cannot be shown.
        in_margin: whether they are of a page header or footer, where numbers of pages say nothing.
    """

    def __init__(self, lose: Callable[[str], None], *, in_margin: bool) -> None:
        self._lose = lose
        self._in_margin = in_margin
        self._open: list[_Field] = []

    @property
    def muted(self) -> bool:
        """Whether text is none of the page's here: it is part of an instruction."""
        return any(not each.in_result or each.muted for each in self._open)

    def note_shown(self) -> None:
        """Something is shown that is part of all of them."""
        for each in self._open:
            each.shown = True

    def instruct(self, text: str) -> None:
        """Add to the instruction of the latest one."""
        if self._open:
            self._open[-1].instruction += text

    def begin(self, form: Element, instruction: str = "") -> None:
        """``form``: the element that may hold the data of a form's field."""
        if len(self._open) < _MOST_OPEN:
            self._open.append(_Field(instruction, form=form))

    def separate(self) -> None:
        """The instruction ends, the result begins."""
        if self._open:
            begun = self._open[-1]
            begun.in_result = True
            begun.muted = self._in_margin and _code(begun.instruction) in _OF_PAGES

    def end(self) -> str:
        """What the latest one shows, if it has no result."""
        if not self._open:
            return ""
        ended = self._open.pop()
        if ended.shown or ended.muted or self.muted:
            return ""
        return self._without_result(ended)

    def _without_result(self, ended: _Field) -> str:
        form = _form_value(ended.form)
        if form is not None:
            return form
        instruction = ended.instruction.strip()
        match _code(instruction):
            case "MACROBUTTON" | "GOTOBUTTON":
                return " ".join(instruction.split()[2:])
            case "QUOTE":
                return instruction[len("QUOTE") :].strip().strip('"')
            case "SYMBOL":
                return _symbol(instruction)
            case "EQ":
                if match := _RUBY.search(instruction):
                    return f"{match[2].strip()}({match[1].strip()})"
                if match := _FRACTION.fullmatch(instruction):
                    return rf"\frac{{{match[1].strip()}}}{{{match[2].strip()}}}"
                self._lose("equations not read (EQ fields)")
            case code:
                # In a result, what shows nothing is empty on the page as well.
                says_nothing = code in _SHOWS_NOTHING or (self._in_margin and code in _OF_PAGES)
                if not says_nothing and not ended.in_result:
                    self._lose("fields without a result")
        return ""


def _code(instruction: str) -> str:
    return instruction.split(maxsplit=1)[0].upper() if instruction.strip() else ""


def _form_value(begun: Element | None) -> str | None:
    """What a field of an old form shows; None for what is no such field."""
    form = None if begun is None else begun.find(f"{W}ffData")
    if form is None:
        return None
    if (box := form.find(f"{W}checkBox")) is not None:
        checked = box.find(f"{W}checked")
        state = is_on(checked if checked is not None else box.find(f"{W}default"))
        return CHECKED if state else UNCHECKED
    if (choice := form.find(f"{W}ddList")) is not None:
        entries = [each.get(f"{W}val", "") for each in choice.findall(f"{W}listEntry")]
        picked = choice.find(f"{W}result")
        picked = choice.find(f"{W}default") if picked is None else picked
        number = whole_number(None if picked is None else picked.get(f"{W}val"), 0)
        return entries[number] if 0 <= number < len(entries) else ""
    return None


def _symbol(instruction: str) -> str:
    words = instruction.replace('"', " ").split()
    font = next((words[i + 1] for i, word in enumerate(words[:-1]) if word == "\\f"), "")
    code = words[1].lower() if len(words) > 1 else ""
    if code.startswith("0x"):
        return symbol(font, code.removeprefix("0x"))
    number = whole_number(code, -1)
    return symbol(font, f"{number:X}") if number >= 0 else ""
