"""Rich Text (RTF): paragraphs, headings, lists with their numbers, tables and notes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import Lines, Sink, TextBuilder
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.office.docx_fields import CHECKED, UNCHECKED
from waypoint.formats.office.docx_numbering import BULLET
from waypoint.formats.office.rtf_tokens import (
    CODE_PAGES,
    FIELDS,
    MARGINS,
    SIGNS,
    SILENT,
    STARRED,
    SYMBOL_CHARSET,
    SYMBOLS,
    Token,
    tokens,
)
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.scripts import Script, with_scripts
from waypoint.formats.text.symbols import in_font

_HEADING = re.compile(r"heading\s*([1-9])", re.IGNORECASE)
_LARGE_TWIPS = 2_835
"""Five centimetres."""
_SCRIPTS: dict[str, Script] = {"super": "^", "sub": "_", "nosupersub": "", "msup": "^", "msub": "_"}


class RtfReader:
    """Reads RTF. Fonts and colours, comments and deleted text are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        if not data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rtf"):
            raise DocumentRejectedError(
                source,
                "not RTF: it begins otherwise",
                hint="open it in its program and save it anew",
            )
        builder = TextBuilder(source)
        document = _Document(builder)
        for token in tokens(data):
            document.take(token)
        document.end()
        builder.require_text()
        return builder.parsed(document.fields)


@dataclass(slots=True)
class _Story:
    """A text of its own: the document's, a note's, a page header's, a box's."""

    sink: Sink
    pieces: list[tuple[Script, str]] = field(default_factory=list)
    marker: str = ""
    cells: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    """Texts that are anchored in the present paragraph."""


@dataclass(frozen=True, slots=True)
class _State:
    """What holds within a group, until it ends."""

    silent: bool = False
    group: str = ""
    """Which destination the group is, of those that end with a meaning."""
    font: int = -1
    script: Script = ""
    hidden: bool = False
    skip: int = 1
    """Characters that stand for each ``\\u`` where it isn't understood."""
    in_table: bool = False
    heading: int = 0
    style: int = -1


class _Document:
    """One document under way."""

    def __init__(self, builder: TextBuilder) -> None:
        self.fields = FieldCollector()
        self._builder = builder
        self._losses = builder.losses
        self._state = _State()
        self._stack: list[_State] = []
        self._stories = [_Story(builder)]
        self._groups: list[str] = []
        self._starred = self._opened = self._opens = False
        self._code_page = "cp1252"
        self._default_font = -1
        self._fonts: dict[int, tuple[str, str]] = {}
        """By number: code page, and name."""
        self._charset = 0
        self._headings: dict[int, int] = {}
        """Levels, by the number of their style."""
        self._captured = ""
        self._bytes: list[bytes] = []
        self._to_skip = 0
        self._size = [0, 0]
        self._form: dict[str, int] = {}
        self._margins: dict[str, dict[str, None]] = {"header": {}, "footer": {}}
        self._notes = 0

    def take(self, token: Token) -> None:
        if token.kind == "bytes":
            self._opens = False
            self._text(token.content)
            return
        self._flush_bytes()
        self._opened = self._opens
        self._opens = token.kind == "open"
        # What stands for a character is text: where there is none, there is nothing to skip.
        self._to_skip = 0
        if token.kind == "open":
            self._stack.append(self._state)
            self._state = replace(self._state, group="")
            self._starred = False
        elif token.kind == "close":
            self._close()
        elif token.kind == "sign":
            self._sign(token.word)
        else:
            self._word(token.word, token.number)

    def end(self) -> None:
        """Write what is left, also of groups that were never closed."""
        self._flush_bytes()
        while self._stack:
            self._close()
        self._paragraph(last=True)
        for text in self._margins["footer"]:
            if text not in self._margins["header"]:
                self._builder.paragraph(text)

    @property
    def _story(self) -> _Story:
        return self._stories[-1]

    # -- text --------------------------------------------------------------------------------

    def _text(self, content: bytes) -> None:
        if self._to_skip:
            passed = min(self._to_skip, len(content))
            self._to_skip -= passed
            content = content[passed:]
        # A picture is very many of them.
        if self._groups or not self._state.silent:
            self._bytes.append(content)

    def _flush_bytes(self) -> None:
        content, self._bytes = b"".join(self._bytes), []
        if not content:
            return
        page, name = self._fonts.get(self._state.font, (self._code_page, ""))
        if page == "symbol":
            self._put(in_font(name, content.decode("latin-1"), self._lose_sign))
            return
        try:
            text = content.decode(page)
        except UnicodeDecodeError:
            text = content.decode(page, "replace")
            self._losses.add("characters that their code page doesn't have")
        self._put(text)

    def _put(self, text: str) -> None:
        state = self._state
        if self._groups:
            self._captured += text
        elif state.silent:
            return
        elif state.hidden:
            if text.strip():
                self._losses.add("hidden text left out")
        elif state.group == "number":
            self._story.marker += text
        else:
            self._story.pieces.append((state.script, text))

    def _lose_sign(self) -> None:
        self._losses.add("symbols without a meaning outside their font")

    def _sign(self, sign: str) -> None:
        if sign == "*":
            # Within a group it says nothing of what follows, though programs write it there.
            self._starred = self._opened
        elif sign in "\\{}":
            self._text(sign.encode())
        elif sign in SYMBOLS:
            if sign in "\r\n":
                self._paragraph()
            else:
                self._put(SYMBOLS[sign])

    # -- control words -----------------------------------------------------------------------

    def _word(self, word: str, number: int | None) -> None:
        starred, self._starred = self._starred, False
        if (starred and word not in STARRED) or word in SILENT:
            self._state = replace(self._state, silent=True, group="")
            return
        on = number != 0
        match word:
            case "u" if number is not None:
                self._put(chr(number % 65_536))
                self._to_skip = self._state.skip
            case "uc":
                self._state = replace(self._state, skip=max(0, number or 0))
            case "par" | "sect" | "page" | "column":
                self._paragraph()
            case "cell":
                self._cell()
            case "row":
                self._row()
            case "pard":
                self._state = replace(self._state, in_table=False, heading=0)
            case "intbl":
                self._state = replace(self._state, in_table=True)
            case "plain":
                self._state = replace(self._state, script="", hidden=False, font=self._default_font)
            case "v" | "deleted":
                self._state = replace(self._state, hidden=on)
            case "up" | "dn":
                script: Script = ("^" if word == "up" else "_") if on else ""
                self._state = replace(self._state, script=script)
            case "s" if number is not None:
                heading = self._headings.get(number, 0)
                self._state = replace(self._state, style=number, heading=heading)
            case "outlinelevel" if number is not None and 0 <= number < 9:
                self._state = replace(self._state, heading=number + 1)
                if self._groups[-1:] == ["stylesheet"]:
                    self._headings[self._state.style] = number + 1
            case _:
                self._other(word, number)

    def _other(self, word: str, number: int | None) -> None:
        if word in _SCRIPTS:
            self._state = replace(self._state, script=_SCRIPTS[word])
        elif word in SIGNS:
            self._put(SIGNS[word])
        elif word == "ansicpg" and number:
            self._code_page = _known(f"cp{number}")
        elif word in ("mac", "pc", "pca"):
            self._code_page = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
        elif word == "deff":
            self._default_font = -1 if number is None else number
        elif word == "f" and number is not None:
            if self._captured.endswith(";"):
                self._entry(self._state)
            self._state = replace(self._state, font=number)
        elif word == "fcharset":
            self._charset = number or 0
        elif word in ("picwgoal", "pichgoal"):
            self._size[word == "pichgoal"] = number or 0
        elif word in ("fftype", "ffres", "ffdefres"):
            self._form[word] = number or 0
        else:
            self._destination(word)

    def _destination(self, word: str) -> None:
        """Begin a group that means something of its own."""
        if word in ("fonttbl", "stylesheet", "info"):
            self._groups.append(word)
            self._state = replace(self._state, silent=True, group=word)
            self._captured = ""
        elif word in FIELDS and self._groups[-1:] == ["info"]:
            self._state = replace(self._state, group=word)
            self._captured = ""
        elif word in ("listtext", "pntext"):
            self._state = replace(self._state, group="number")
            self._story.marker = ""
        elif word in ("pict", "formfield", "object", "annotation"):
            # Of an object, what it looks like may be text.
            self._state = replace(self._state, silent=word != "object", group=word)
            self._size, self._form = [0, 0], {}
        elif word == "shpinst":
            self._state = replace(self._state, silent=True)
        elif word in ("footnote", "shptxt") or word in MARGINS:
            if word == "footnote" and not self._state.silent:
                self._notes += 1
                self._story.pieces.append(("", f"[^{self._notes}]"))
            self._stories.append(_Story(Lines()))
            self._state = _State(group=word, font=self._state.font, skip=self._state.skip)

    def _close(self) -> None:
        if not self._stack:
            return
        ended, self._state = self._state, self._stack.pop()
        if not ended.group:
            self._entry(ended)
            return
        match ended.group:
            case "fonttbl" | "stylesheet" | "info":
                self._entry(ended)
                self._groups.pop()
            case "number":
                words = self._story.marker.strip()
                is_number = any(map(str.isalnum, words)) and words != "o"
                self._story.marker = words if is_number else BULLET
            case "pict":
                if min(self._size) >= _LARGE_TWIPS:
                    self._losses.add("images not read")
            case "object":
                self._losses.add("embedded objects not read")
            case "annotation":
                self._losses.add("comments left out")
            case "formfield":
                self._form_field()
            case group if group in FIELDS:
                if FIELDS[group] not in self.fields.metadata:
                    self.fields.add(FIELDS[group], self._captured)
                self._captured = ""
            case group:
                self._end_story(group)

    def _entry(self, ended: _State) -> None:
        """A font or a style has been read."""
        within = self._groups[-1:]
        name = self._captured.strip().rstrip(";")
        if within == ["fonttbl"]:
            page = CODE_PAGES.get(self._charset, self._code_page)
            page = "symbol" if self._charset == SYMBOL_CHARSET else page
            self._fonts[ended.font] = page, name
            self._charset, self._captured = 0, ""
        elif within == ["stylesheet"]:
            if match := _HEADING.fullmatch(name):
                self._headings[ended.style] = int(match[1])
            self._captured = ""

    def _form_field(self) -> None:
        if self._form.get("fftype") == 1:
            result = self._form.get("ffres", 25)
            # 25: as it was at first.
            checked = self._form.get("ffdefres", 0) if result == 25 else result
            self._story.pieces.append(("", CHECKED if checked == 1 else UNCHECKED))

    def _end_story(self, group: str) -> None:
        self._paragraph(last=True)
        lines = self._stories.pop().sink
        text = lines.text() if isinstance(lines, Lines) else ""
        if group in MARGINS:
            known = self._margins[group[:6]]
            if any(map(str.isalpha, text)) and text not in known:
                known[text] = None
                if group.startswith("header"):
                    self._builder.paragraph(text)
        elif text:
            self._story.boxes.append(f"[^{self._notes}]: {text}" if group == "footnote" else text)

    # -- paragraphs and tables ---------------------------------------------------------------

    def _paragraph(self, *, last: bool = False) -> None:
        story, state = self._story, self._state
        if self._state.silent and not last:
            return
        if state.in_table and not last:
            story.pieces.append(("", "\n"))
            return
        self._write_table(story)
        text, marker = _whole(story.pieces), story.marker
        story.pieces, story.marker = [], ""
        if not text.strip():
            pass
        elif state.heading:
            number = marker if marker != BULLET else ""
            story.sink.heading(state.heading, f"{number} {text}".strip())
        elif marker:
            story.sink.item(marker, text, of=marker == BULLET)
        else:
            story.sink.paragraph(text)
        self._write_boxes(story)

    def _cell(self) -> None:
        story = self._story
        text = _whole(story.pieces).strip()
        story.cells.append(f"{story.marker} {text}".strip())
        story.pieces, story.marker = [], ""

    def _row(self) -> None:
        story = self._story
        if story.cells:
            story.rows.append(story.cells)
            story.cells = []

    def _write_table(self, story: _Story) -> None:
        if story.cells:
            story.rows.append(story.cells)
        rows, story.cells, story.rows = story.rows, [], []
        if max(map(len, rows), default=0) > 1:
            story.sink.table(rows)
        else:
            for row in rows:
                story.sink.paragraph("\n".join(row))
        if rows:
            self._write_boxes(story)

    def _write_boxes(self, story: _Story) -> None:
        boxes, story.boxes = story.boxes, []
        for text in boxes:
            story.sink.paragraph(text)


def _whole(pieces: list[tuple[Script, str]]) -> str:
    """The text, in which halves of surrogate pairs are put together."""
    text = with_scripts(pieces)
    if any("\ud800" <= character <= "\udfff" for character in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _known(page: str) -> str:
    try:
        return codecs.lookup("utf-8" if page == "cp65001" else page).name
    except LookupError:
        return "cp1252"
