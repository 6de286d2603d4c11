"""Names of files: which cannot be sources, how those are shown, and which clash."""

from __future__ import annotations

import os
import unicodedata

_LINE_ENDS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"


def name_problem(name: str) -> str:
    """Why a file of this name cannot be a source; empty if it can.

    A source goes to Chroma, SQLite, JSON and the terminal: it has to be UTF-8, on one line, and
    without characters that a terminal obeys.
    """
    if name.isprintable() and name.isascii():
        return ""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if any(character in _LINE_ENDS for character in name):
        return "the name contains a line end"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "the name contains a control character"
    return ""


def printable_name(name: str) -> str:
    """The name with what is not UTF-8 as ``\\xff``, and line ends as ``\\n``."""
    visible = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in visible
    )


class NameClashes:
    """Tells names of one folder that another system would take for one and the same."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def warning(self, name: str) -> str:
        """What is wrong with this name beside those before it; empty if nothing is."""
        key = name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
        other = self._names.setdefault(key, name)
        if other == name:
            return ""
        same_form = unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
        how = "the form of its Unicode" if same_form else "case"
        return (
            f"its name differs from that of {other!r} beside it only in {how}: "
            "on other systems they are one file"
        )
