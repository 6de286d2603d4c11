"""One line in the syntax of ``.gitignore``, as Git understands it.

pathspec makes a regular expression of a pattern, and RE2 matches it, in a time that is linear in
the path's length whatever the pattern. Where pathspec differs from Git (sets in brackets, escapes,
white space, bytes that are not ASCII), the pattern is translated before: such a part becomes one
character that no path has, and its own expression takes that one's place afterwards.
"""

from __future__ import annotations

import os
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re2

MAX_LENGTH = 10_000
"""Bytes of a line; a path has at most 4,096."""

_PLAIN = frozenset(string.ascii_letters + string.digits + "*?/._-")
"""What means the same to Git, pathspec and RE2."""

_FIRST_STAND_IN = 0x10000
"""Paths are taken byte by byte, as by Git: their characters end at 0xFF."""

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

_ANY_FOLDER = "(?P<ps_d>/)"
"""The expression that pathspec has for ``*/`` and the like."""


class Pattern:
    """One line. pathspec also takes what lies in a folder for matched where the folder is.

    Git asks for each path alone, on the way down: ``!src`` takes ``src`` back in, not
    ``src/node_modules``. So the expression is asked here for a path itself.

    Raises ValueError, which says why, if the line is no pattern.
    """

    def __init__(self, line: str) -> None:
        text = _without_trailing_spaces(os.fsencode(line).decode("latin-1"))
        if len(text) > MAX_LENGTH:
            raise ValueError(f"it is longer than {MAX_LENGTH:,} bytes")
        comment = text.startswith("#")
        self.takes_back = text.startswith("!")
        """Whether it begins with ``!``."""
        if text == "!":
            raise ValueError("nothing follows the '!'")
        pattern, stand_ins = _translated(text.removeprefix("!"))
        expression = None if comment or pattern.strip("/") == "" else _expression(pattern)
        parts = pattern.split("/")
        self._only_folders = not parts[-1]
        last = parts[-2] if self._only_folders and len(parts) > 1 else parts[-1]
        self._only_below = last == "**"
        # ``**/*/**/`` has the same expression as ``**/``, but is about folders below folders.
        below_some = self._only_below and not set(parts) <= {"", "**"}
        self._anything = expression == "." or (expression == _ANY_FOLDER and not below_some)
        self._regex = None if expression is None else _compiled(expression.translate(stand_ins))

    def matches(self, path: bytes, *, is_folder: bool) -> bool:
        """Whether it matches this very path, relative to where the pattern stands."""
        if self._regex is None or (self._only_folders and not is_folder):
            return False
        if self._anything:
            return True
        if self._only_below:
            return self._regex.search(path) is not None
        return self._regex.fullmatch(path + b"/" if self._only_folders else path) is not None


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


def _translated(text: str) -> tuple[str, dict[int, str]]:
    """A pattern of which pathspec makes what Git does, and what stands for the rest of it."""
    stand_ins: dict[int, str] = {}
    parts: list[str] = []
    position, anchored = 0, False
    members: set[int] | None
    while position < len(text):
        character = text[position]
        position += 1
        if character == "[":
            members, end = _set_members(text, position)
            anchored |= "/" in text[position:end]
            position = end
        elif character == "\\":
            if position == len(text):
                raise ValueError("it ends with a single '\\'")
            character = text[position]
            position += 1
            members = None if character == "/" else {ord(character)}
        else:
            members = None if character in _PLAIN else {ord(character)}
        if members is not None:
            character = chr(_FIRST_STAND_IN + len(stand_ins))
            stand_ins[ord(character)] = _any_of(members)
        parts.append(character)
    segments = "".join(parts).split("/")
    pattern = "/".join(map(_with_single_stars, segments))
    # A slash anywhere but at the end means that the pattern is about the path from here on.
    return "/" * (anchored and "/" not in pattern.rstrip("/")) + pattern, stand_ins


def _with_single_stars(segment: str) -> str:
    """Two stars or more mean folders only where nothing stands beside them."""
    if len(segment) > 1 and not segment.strip("*"):
        return "**"
    while "**" in segment:
        segment = segment.replace("**", "*")
    return segment


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


def _expression(pattern: str) -> str | None:
    # Late: it takes 0.08 s to import, and most knowledge bases need none of it.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    expression: str | None = GitIgnoreSpecPattern.pattern_to_regex(pattern)[0]
    return expression


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
