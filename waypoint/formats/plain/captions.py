"""Captions of films and recordings (WebVTT, SRT): what is said, with the time at which it is."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import TextBuilder
from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import read_text

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]{1,200})>")
_TAG = re.compile(r"</?[a-zA-Z0-9:.][^<>]{0,500}>|\{\\[^{}]{0,200}\}")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)]*$")  # noqa: RUF001 - of other scripts, too
PARAGRAPH_CHARACTERS = 400
"""After so many, a paragraph ends with the sentence."""
_ROLLING = 0.2
"""Share of the cues that begin with a line of the one before, from which on captions roll up."""
_PAUSE = 4.0
"""Seconds of silence at which a paragraph ends."""


@dataclass(frozen=True, slots=True)
class _Cue:
    start: float
    end: float
    lines: tuple[str, ...]


class CaptionReader:
    """Reads VTT and SRT. Cues become paragraphs, each with its time; styles are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        decoded = read_text(source, data)
        builder = TextBuilder(source)
        builder.warnings += decoded.warnings
        cues = list(_cues(decoded.text))
        if not cues and decoded.text.strip() not in ("", "WEBVTT"):
            raise DocumentRejectedError(
                source,
                "not captions: no line of it is a time",
                hint="if it is text, give it the suffix .txt",
            )
        for start, text in _paragraphs(_without_repeats(cues)):
            seconds = int(start)
            clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            builder.place("time", clock)
            builder.paragraph(text)
        return builder.parsed()


def _cues(text: str) -> Iterator[_Cue]:
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        if match := _TIMING.match(line):
            if times is not None:
                # No empty line before it: then its number may have come before it.
                yield _Cue(*times, tuple(each for each in lines if not each.isdigit()))
            times, lines = (_seconds(match, 1), _seconds(match, 5)), []
        elif times is not None and line.strip():
            lines.append(_plain(line))
        elif times is not None:
            yield _Cue(*times, tuple(line for line in lines if line))
            times, lines = None, []


def _seconds(match: re.Match[str], first: int) -> float:
    hours, minutes, seconds, part = (match[first + number] for number in range(4))
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + int(part.ljust(3, "0")) / 1000


def _plain(line: str) -> str:
    """Without markup; who speaks stands before what is said."""
    named = _VOICE.sub(lambda voice: f"{voice[1].strip()}: ", line)
    return " ".join(html.unescape(_TAG.sub("", named)).split())


def _without_repeats(cues: list[_Cue]) -> Iterator[_Cue]:
    """Captions that roll up show each line twice: below, then above the next one.

    That is so of a whole file: where only few lines come again, they were said again.
    """
    rolls = sum(len(cue.lines) > 1 and cue.lines[0] in above.lines for above, cue in pairwise(cues))
    if rolls < len(cues) * _ROLLING:
        yield from (cue for cue in cues if cue.lines)
        return
    before: tuple[str, ...] = ()
    for cue in cues:
        fresh = cue.lines
        while fresh and fresh[0] in before:
            fresh = fresh[1:]
        before = cue.lines
        if fresh:
            yield _Cue(cue.start, cue.end, fresh)


def _paragraphs(cues: Iterator[_Cue]) -> Iterator[tuple[float, str]]:
    """Each with the time of its first cue."""
    start, end, text = 0.0, 0.0, ""
    for cue in cues:
        said = " ".join(cue.lines)
        speaks_anew = ": " in cue.lines[0][:60] and cue.lines[0][:1].isupper()
        long = len(text) >= PARAGRAPH_CHARACTERS and bool(_SENTENCE_END.search(text))
        silent = cue.start - end >= _PAUSE
        if text and (long or silent or speaks_anew or len(text) >= 3 * PARAGRAPH_CHARACTERS):
            yield start, text
            text = ""
        if not text:
            start = cue.start
        text, end = f"{text} {said}".strip(), cue.end
    if text:
        yield start, text
