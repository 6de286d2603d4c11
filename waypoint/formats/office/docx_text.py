"""What stands in a paragraph of Word: its text, and what is anchored in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from waypoint.formats.losses import Losses
from waypoint.formats.markup.zipped_xml import Element, local_name, whole_number
from waypoint.formats.office.docx_fields import CHECKED, UNCHECKED, Fields
from waypoint.formats.office.docx_styles import NO_STYLE, Style, style_of
from waypoint.formats.office.math_text import math_text
from waypoint.formats.office.ooxml import DIAGRAM, MC, W14, A, M, R, W, chosen, is_on
from waypoint.formats.text.scripts import Script, with_scripts
from waypoint.formats.text.symbols import in_font, symbol

_SCRIPTS: Mapping[str, Script] = {"superscript": "^", "subscript": "_"}
_SIGNS = {
    f"{W}tab": "\t",
    f"{W}ptab": "\t",
    f"{W}br": "\n",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "-",
}
_SKIPPED = frozenset(
    f"{W}{name}"
    for name in (
        *("pPr", "rPr", "sdtPr", "sdtEndPr", "del", "moveFrom", "delText", "delInstrText"),
        *("softHyphen", "footnoteRef", "endnoteRef", "annotationRef", "separator", "rt"),
        *("continuationSeparator", "fldData", "ffData"),
    )
)
_IMAGE_EMU = 1_800_000
"""Five centimetres: what is smaller either way is hardly more than a logo or an icon."""


@dataclass(slots=True)
class Inline:
    """What was read of a paragraph."""

    pieces: list[tuple[Script, str]] = field(default_factory=list)
    boxes: list[list[Element]] = field(default_factory=list)
    """The paragraphs and tables of each text box that is anchored here."""
    figures: list[str] = field(default_factory=list)
    """Ids of the data of charts and diagrams (SmartArt)."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Kind (``footnote``, ``endnote``) and id."""

    @property
    def text(self) -> str:
        return with_scripts(self.pieces).replace("\u00ad", "")


class InlineReader:
    """Reads the paragraphs of one part, whose fields may reach over several of them.

    Args:
        note_mark: what stands in the text for a note of that kind and id.
        in_margin: whether it is a page header or footer, where numbers of pages say nothing.
    """

    def __init__(
        self,
        styles: Mapping[str, Style],
        losses: Losses,
        note_mark: Callable[[str, str], str],
        *,
        in_margin: bool = False,
    ) -> None:
        self._styles = styles
        self._losses = losses
        self._note_mark = note_mark
        self._in_margin = in_margin
        self._fields = Fields(self.lose, in_margin=in_margin)
        self._base = NO_STYLE
        self.paragraph = 0
        """Its number, for what is lost."""

    def read(self, paragraph: Element, base: Style, into: Inline) -> None:
        """``base``: the paragraph's own style."""
        self._base = base
        self._walk(paragraph, into, "")

    def lose(self, what: str) -> None:
        """Note that something of this paragraph is lost."""
        if self._in_margin:
            self._losses.add(f"{what}, in page headers or footers")
        else:
            self._losses.add(what, "paragraph", self.paragraph)

    def _walk(self, parent: Iterable[Element], into: Inline, script: Script) -> None:
        for child in parent:
            tag = child.tag
            if tag in _SKIPPED:
                continue
            if tag == f"{W}r":
                self._run(child, into)
            elif sign := _SIGNS.get(str(tag)):
                self._put(into, "", sign)
            else:
                self._other(child, into, script)

    def _other(self, child: Element, into: Inline, script: Script) -> None:
        match child.tag.removeprefix(W):
            case "t":
                self._put(into, script, child.text or "")
            case "fldChar":
                self._field_sign(child, into)
            case "instrText":
                self._fields.instruct(child.text or "")
            case "fldSimple":
                self._fields.begin(child, child.get(f"{W}instr", ""))
                self._fields.separate()
                self._walk(child, into, script)
                self._put(into, "", self._fields.end())
            case "sym":
                self._symbol(child.get(f"{W}font", ""), child.get(f"{W}char", ""), into, script)
            case "ruby":
                self._ruby(child, into)
            case "sdt":
                self._control(child, into, script)
            case "footnoteReference" | "endnoteReference":
                self._note(child, into)
            case "commentReference":
                self._losses.add("comments left out")
            case "drawing" | "pict" | "object":
                self._drawn(child, into)
            case "subDoc":
                self.lose("linked documents not read")
            case _:
                self._foreign(child, into, script)

    def _foreign(self, child: Element, into: Inline, script: Script) -> None:
        if child.tag in (f"{M}oMath", f"{M}oMathPara"):
            text = math_text(child).strip()
            if text:
                self._put(into, "", text)
            else:
                self.lose("equations that say nothing")
        elif child.tag == f"{MC}AlternateContent":
            self._walk(chosen(child), into, script)
        else:
            self._walk(child, into, script)

    def _run(self, run: Element, into: Inline) -> None:
        look = run.find(f"{W}rPr")
        style, script, font = self._base, self._base.script, self._base.font
        hidden = self._base.hidden
        if look is not None:
            named = look.find(f"{W}rStyle")
            if named is not None:
                style = style_of(self._styles, named.get(f"{W}val"))
                script, font = style.script or script, style.font or font
                hidden = hidden or style.hidden
            if (vanish := look.find(f"{W}vanish")) is not None:
                # The mark of a style separator is hidden, and stands in no run.
                hidden = is_on(vanish)
            if (position := look.find(f"{W}position")) is not None:
                # Raised or lowered by hand, in half points.
                points = whole_number(position.get(f"{W}val"), 0)
                script = "superscript" if points > 0 else "subscript" if points < 0 else script
            if (align := look.find(f"{W}vertAlign")) is not None:
                script = align.get(f"{W}val", "")
            if (fonts := look.find(f"{W}rFonts")) is not None:
                font = fonts.get(f"{W}ascii") or fonts.get(f"{W}hAnsi") or font
        if hidden:
            self._hidden(run, into)
            return
        before = len(into.pieces)
        self._walk(run, into, _SCRIPTS.get(script, ""))
        for number in range(before, len(into.pieces)):
            how, text = into.pieces[number]
            into.pieces[number] = how, in_font(font, text, lambda: self.lose(_NO_MEANING))

    def _hidden(self, run: Element, into: Inline) -> None:
        # Whether it is hidden or not, a field begins and ends.
        for child in run:
            if child.tag in (f"{W}fldChar", f"{W}instrText"):
                self._other(child, into, "")
            elif child.tag == f"{W}t" and (child.text or "").strip() and not self._fields.muted:
                self.lose("hidden text left out")

    def _put(self, into: Inline, script: Script, text: str) -> None:
        if self._fields.muted:
            return
        if text.strip():
            self._fields.note_shown()
        into.pieces.append((script, text))

    def _field_sign(self, sign: Element, into: Inline) -> None:
        match sign.get(f"{W}fldCharType"):
            case "begin":
                self._fields.begin(sign)
            case "separate":
                self._fields.separate()
            case "end":
                self._put(into, "", self._fields.end())

    # -- signs and controls ------------------------------------------------------------------

    def _symbol(self, font: str, code: str, into: Inline, script: Script) -> None:
        text = symbol(font, code)
        if text:
            self._put(into, script, text)
        else:
            self.lose(_NO_MEANING)

    def _ruby(self, ruby: Element, into: Inline) -> None:
        base, reading = Inline(), Inline()
        for name, part in (("rubyBase", base), ("rt", reading)):
            for each in ruby.findall(f"{W}{name}"):
                self._walk(each, part, "")
        into.boxes += base.boxes
        text, sounds = base.text.strip(), reading.text.strip()
        self._put(into, "", f"{text}({sounds})" if text and sounds else text or sounds)

    def _control(self, control: Element, into: Inline, script: Script) -> None:
        state = check_mark(control)
        if state:
            self._put(into, "", state)
            return
        for content in control.findall(f"{W}sdtContent"):
            self._walk(content, into, script)

    def _note(self, reference: Element, into: Inline) -> None:
        if self._fields.muted:
            return
        kind = local_name(reference).removesuffix("Reference")
        note_id = reference.get(f"{W}id", "")
        if not is_on_attribute(reference, "customMarkFollows"):
            self._put(into, "", self._note_mark(kind, note_id))
        into.notes.append((kind, note_id))

    # -- drawings ----------------------------------------------------------------------------

    def _drawn(self, drawing: Element, into: Inline) -> None:
        if self._fields.muted:
            return
        for each in _shown_parts(drawing):
            match local_name(each):
                case "txbxContent":
                    into.boxes.append(list(each))
                case "textpath":
                    self._put(into, "", f" {each.get('string', '')} ")
                case "relIds" if each.tag.startswith(DIAGRAM):
                    into.figures.append(each.get(f"{R}dm", ""))
                case "chart" if f"{R}id" in each.attrib:
                    into.figures.append(each.get(f"{R}id", ""))
                case "OLEObject":
                    equation = each.get("ProgID", "").startswith("Equation")
                    self.lose(
                        "equations not read (made with the old Equation Editor)"
                        if equation
                        else "embedded objects not read"
                    )
                case "control":
                    self.lose("controls of a form not read")
        if _is_large_image(drawing):
            self.lose("images not read")


_NO_MEANING = "symbols without a meaning outside their font"


def check_mark(control: Element) -> str:
    """The box that a content control is; empty if it is none."""
    box = control.find(f"{W}sdtPr/{W14}checkbox")
    if box is None:
        return ""
    checked = box.find(f"{W14}checked")
    return CHECKED if is_on(checked, f"{W14}val") else UNCHECKED


def is_on_attribute(element: Element, name: str) -> bool:
    return element.get(f"{W}{name}", "0") not in ("0", "false", "off")


def _shown_parts(drawing: Element) -> Iterator[Element]:
    """All elements but those of alternatives that aren't chosen, and what is in text boxes."""
    waiting = [drawing]
    while waiting:
        element = waiting.pop()
        yield element
        if local_name(element) == "txbxContent":
            continue
        children = chosen(element) if element.tag == f"{MC}AlternateContent" else list(element)
        waiting.extend(reversed(children))


def _is_large_image(drawing: Element) -> bool:
    """Whether it is a picture of five centimetres or more."""
    if next(drawing.iter(f"{A}blip"), None) is None:
        return False
    for element in drawing.iter():
        if local_name(element) == "extent":
            sides = (whole_number(element.get(side), 0) for side in ("cx", "cy"))
            return all(side >= _IMAGE_EMU for side in sides)
    return False
