"""Raised and lowered text in plain characters: ten to the sixth must not read as 106."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Literal

Script = Literal["", "^", "_"]
"""How a piece of text stands: on the line, above or below it."""

_ORDINAL = re.compile(r"st|nd|rd|th|er|re|e|ère|ème|eme|es|o|a|os|as|°|º|ª", re.IGNORECASE)
_CUSTOM = re.compile("(?:tm|sm|me|lle|[®™℠*†‡§'\u2032\u2033]+)", re.IGNORECASE)
"""What is raised by custom alone: 1st behind a number, Mme, TM, and marks of notes."""
_SIMPLE = re.compile("[-+\u2212\u2013±]?(?:\\w|[.,](?=\\d))+")


def with_scripts(pieces: Iterable[tuple[Script, str]]) -> str:
    """The pieces as one text: ``10^6``, ``x_i``, ``H2O``, ``1st``.

    A lowered number behind a letter is part of a formula's name and stays as it is; everything
    else that would read as part of the number or word before it gets a sign.
    """
    merged = [
        (script, "".join(text for _, text in run))
        for script, run in groupby(pieces, key=lambda piece: piece[0])
    ]
    merged = [piece for piece in merged if piece[1]]
    out: list[str] = []
    before = ""
    for number, (script, text) in enumerate(merged):
        follows = merged[number + 1] if number + 1 < len(merged) else ("^", "")
        after = "" if follows[0] else follows[1][:1]
        shown = _shown(script, text, before, after)
        out.append(shown)
        before = shown[-1:] or before
    return "".join(out)


def _shown(script: Script, text: str, before: str, after: str) -> str:
    core = text.strip()
    if not script or not core or text[0].isspace() or not _joins(before):
        return text
    end = text[text.index(core) + len(core) :]
    runs_on = not end and after.isdigit()
    by_custom = _ORDINAL if before.isdigit() else _CUSTOM
    if script == "^" and by_custom.fullmatch(core) and not runs_on:
        return text
    if script == "_" and core.isdigit() and not before.isdigit() and not runs_on:
        return text
    return script + (core if _SIMPLE.fullmatch(core) and not runs_on else f"{{{core}}}") + end


def _joins(before: str) -> bool:
    """Whether what follows would be read together with this character."""
    return before.isalnum() or before in (")", "]", "}", "|") if before else False
