"""An answer that tells of an error: what is said in it, in whatever form it comes.

The form is Google's (``{"error": {"code", "message", "status", "details"}}``), or anything: a
proxy's page in any encoding, another API's JSON, JSON nested so deeply that a parser breaks at it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from waypoint.sanitize import QUOTING, quotes, sanitize

MOST_SAID = 4096
"""Characters of the service's own words that are kept; its longest known message has 800."""
_MOST_OF_PAGE = 200
"""Characters of a page that is none of the service's errors."""
_LOOKED_AT = 16_384
"""Characters of such a page in which its title, or its first words, are looked for."""

_TITLE = re.compile(r"<title[^>]*>([^<]+)", re.IGNORECASE)
_MARKUP = re.compile(r"<(style|script)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_SAYING = ("message", "detail", "error_description", "error", "title", "msg")
"""Where APIs of other kinds say what is wrong."""


class ErrorAnswer(Exception):  # noqa: N818 - it is one until it is translated
    """An answer with another status than 200. Its message may quote what was sent."""

    def __init__(self, code: int, phrase: str, body: bytes) -> None:
        super().__init__(f"{code} {phrase}")
        self.code = code
        told = _parsed(body)
        told = told[0] if isinstance(told, list) and told else told
        error = told.get("error") if isinstance(told, dict) else None
        self.in_form = isinstance(error, dict)
        error = error if isinstance(error, dict) else {}
        self.status = word(error.get("status")) if self.in_form else phrase
        self.message = word(error.get("message")) if self.in_form else described_page(body)
        self.details = _objects(error.get("details"))
        self.is_googles = self.in_form and bool(self.status)
        """Whether it has a status, as every error of Google has: else somebody else speaks."""

    def said(self, texts: Sequence[str] = ()) -> str:
        """Its own words, as ``quotable`` has them."""
        return quotable(self.message, texts)

    @property
    def reasons(self) -> set[str]:
        """Of its ErrorInfo: the same in every language."""
        return {word(detail.get("reason")) for detail in self.details} - {""}

    def violations(self) -> Iterator[dict[str, Any]]:
        """The quotas that it says were exceeded."""
        for detail in self.typed("QuotaFailure"):
            yield from _objects(detail.get("violations"))

    def typed(self, kind: str) -> Iterator[dict[str, Any]]:
        """Its details of that type."""
        for detail in self.details:
            if word(detail.get("@type")).endswith(kind):
                yield detail


def quotable(words: str, texts: Sequence[str]) -> str:
    """A service's own words, whole, on one line; but for lines that repeat a text of the call."""
    lines = (
        QUOTING if quotes(line, texts) else line
        for each in words.splitlines()
        if (line := sanitize(each).strip())
    )
    said = " ".join(lines)
    said = said if len(said) <= MOST_SAID else f"{said[:MOST_SAID]}…"
    return QUOTING if quotes(said, texts) else said


def described_page(body: bytes) -> str:
    """What an answer is that is not in the service's form; empty for one without a word."""
    try:
        page = body.decode()[:_LOOKED_AT]
    except UnicodeDecodeError:
        page = body.decode("latin-1")[:_LOOKED_AT]
    if title := _TITLE.search(page):
        return f"an HTML page: {_short(title[1])}"
    if "<html" in page[:1000].lower() or "<!doctype html" in page[:1000].lower():
        return f"an HTML page: {_short(_MARKUP.sub(' ', page))}"
    told = _parsed(body)
    if told is _NO_JSON:
        return _short(page)
    for name in _SAYING:
        if isinstance(told, dict) and isinstance(told.get(name), str):
            return f"JSON of another API: {_short(told[name])}"
    return f"JSON of another API: {_short(page)}" if told else ""


_NO_JSON = object()


def _parsed(body: bytes) -> Any:
    """The standard library's reading: orjson refuses halves of surrogate pairs."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NO_JSON


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def word(value: object) -> str:
    """A text or a figure; empty for anything else, which may be of any depth."""
    return str(value) if isinstance(value, str | int) else ""


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _MOST_OF_PAGE else f"{line[:_MOST_OF_PAGE]}…"
