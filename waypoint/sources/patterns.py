"""One line in the syntax of ``.gitignore``, as Git understands it (``dir.c`` and ``wildmatch.c``).

It becomes one regular expression. RE2 matches that in a time that is linear in the path's length,
whatever the pattern.
"""

from __future__ import annotations

import os
import re
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re2

MAX_LENGTH = 10_000
"""Bytes of a line; a path has at most 4,096."""

_SETS = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "lower": string.ascii_lowercase,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
    "punct": string.punctuation,
    "space": " \t\n\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}
"""``[[:alpha:]]`` and the like, as Git has them: of ASCII, and without vertical white space."""

_LITERAL = re.compile(r"[^*?\[\\]*")
"""What a pattern begins with before its first special character."""

_STARS = re.compile(r"\*+")


class Pattern:
    """One line; paths are taken byte by byte, as by Git.

    Git asks for each path alone, on the way down: ``!src`` takes ``src`` back in, not
    ``src/node_modules``.

    Raises ValueError, which says why, if the line is no pattern.
    """

    def __init__(self, line: str) -> None:
        text = _without_trailing_spaces(os.fsencode(line).decode("latin-1"))
        if len(text) > MAX_LENGTH:
            raise ValueError(f"it is longer than {MAX_LENGTH:,} bytes")
        self.takes_back = text.startswith("!")
        """Whether it begins with ``!``."""
        if text == "!":
            raise ValueError("nothing follows the '!'")
        pattern = text.removeprefix("!")
        self._only_folders = pattern.endswith("/")
        pattern = pattern.removesuffix("/")
        self._of_paths = "/" in pattern
        """Whether it is about the path from here on; else it is about names, wherever they are."""
        comment = text.startswith("#")
        self._regex = None if comment else _compiled(_expression(pattern, self._of_paths))

    def matches(self, path: bytes, *, is_folder: bool) -> bool:
        """Whether it matches this very path, relative to where the pattern stands."""
        if self._regex is None or (self._only_folders and not is_folder):
            return False
        name = path if self._of_paths else path[path.rfind(b"/") + 1 :]
        return self._regex.fullmatch(name) is not None


def _without_trailing_spaces(text: str) -> str:
    """But for those behind a backslash; what ends with a single one is left as it is."""
    end = position = 0
    while position < len(text):
        character = text[position]
        position += 2 if character == "\\" else 1
        if position > len(text):
            return text
        if character != " ":
            end = position
    return text[:end]


def _expression(pattern: str, of_paths: bool) -> str:
    """A regular expression of the characters up to 0xFF."""
    pattern = pattern.removeprefix("/")
    # Git compares what comes before the first special character, and matches the rest alone: two
    # stars there are at the start of something, and mean folders, as they do behind a slash.
    start = position = _end(_LITERAL, pattern, 0)
    parts = [re.escape(pattern[:start])]
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            end = _end(_STARS, pattern, position)
            alone = position == start or pattern[position - 1] == "/"
            part = "[^/]*"
            if of_paths and end - position > 1 and alone:
                if pattern[end : end + 1] == "/":
                    end += 1
                    part = "(?:.*/)?"
                elif pattern[end : end + 2] in ("", "\\/"):
                    part = ".*"
            position = end
        elif character == "?":
            part, position = "[^/]", position + 1
        elif character == "[":
            members, position = _set_members(pattern, position + 1)
            part = _any_of(members)
        else:
            position += character == "\\"
            if position == len(pattern):
                raise ValueError("it ends with a single '\\'")
            part, position = re.escape(pattern[position]), position + 1
        parts.append(part)
    return "".join(parts)


def _end(expression: re.Pattern[str], text: str, position: int) -> int:
    found = expression.match(text, position)
    return position if found is None else found.end()


def _set_members(text: str, position: int) -> tuple[set[int], int]:
    """The bytes that a set stands for, without the slash, and where it ends.

    ``position``: behind the bracket that opens it. As ``wildmatch.c`` of Git reads it.
    """
    negated = text[position : position + 1] in ("!", "^")
    start = position = position + negated
    members: set[int] = set()
    before: str | None = None
    while position < len(text) and (text[position] != "]" or position == start):
        character, after = text[position], text[position + 1 : position + 2]
        if character == "[" and after == ":" and (end := text.find("]", position + 2)) != -1:
            name = text[position + 2 : end]
            if name.endswith(":"):
                members |= _named_set(name[:-1])
                before, position = None, end + 1
                continue
        is_range = character == "-" and before is not None and after not in ("", "]")
        if is_range:
            position += 1
        position, last = _literal(text, position)
        members |= set(range(ord(before), ord(last) + 1)) if is_range and before else {ord(last)}
        before = None if is_range else last
    if position >= len(text):
        raise ValueError("a '[' is not closed")
    if negated:
        members = set(range(256)) - members
    return members - {ord("/")}, position + 1


def _literal(text: str, position: int) -> tuple[int, str]:
    """The position behind one character of a set, and that character."""
    position += text[position] == "\\"
    if position == len(text):
        raise ValueError("a '[' is not closed")
    return position + 1, text[position]


def _named_set(name: str) -> set[int]:
    if name not in _SETS:
        raise ValueError(f"there is no set [:{name}:]")
    return set(map(ord, _SETS[name]))


def _any_of(members: set[int]) -> str:
    """An expression for one byte of these; for none if there are none."""
    if not members:
        return r"[^\x00-\xff]"
    spans: list[list[int]] = []
    for member in sorted(members):
        if spans and spans[-1][1] == member - 1:
            spans[-1][1] = member
        else:
            spans.append([member, member])
    return "[" + "".join(rf"\x{first:02x}-\x{last:02x}" for first, last in spans) + "]"


def _compiled(expression: str) -> re2._Regexp:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    # A name may hold a line end.
    options.dot_nl = True
    try:
        return re2.compile(expression.encode("latin-1"), options)
    except re2.error as error:
        raise ValueError("it is too long") from error
