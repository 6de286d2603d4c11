"""What is still to come, as ranges: an estimate that hides its doubt is worth nothing.

Two things are not known: how many texts are left to pay for, and at what pace they will be.
The first comes from the documents cut so far, as a ratio estimate (chunks to bytes) with two
standard errors to each side; the second from the pace of late and that of the whole run, apart
by what so few calls can tell, and never above the quota.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SURE, ROUGH = 1.25, 2.0
"""Times the lower end, up to which the upper end makes a range ``sure``, or ``rough``."""

LEAST_CALLS = 3
"""Before so many answers, no pace is known."""


@dataclass(frozen=True, slots=True)
class Range:
    """From ``low`` to ``high``, both included."""

    low: float
    high: float


class DocumentSums:
    """Sums over the documents cut so far, from which a ratio and its error follow."""

    def __init__(self) -> None:
        self.documents = 0
        self.bytes = 0
        self.chunks = 0
        self._bytes_squared = 0.0
        self._chunks_squared = 0.0
        self._product = 0.0

    def add(self, size: int, chunks: int) -> None:
        self.documents += 1
        self.bytes += size
        self.chunks += chunks
        self._bytes_squared += float(size) * size
        self._chunks_squared += float(chunks) * chunks
        self._product += float(size) * chunks

    def expect(self, bytes_left: int) -> Range | None:
        """Chunks in what is not cut yet, two standard errors to each side; None without a clue."""
        if bytes_left <= 0:
            return Range(0.0, 0.0)
        if not self.bytes:
            return None
        ratio = self.chunks / self.bytes
        guess = ratio * bytes_left
        if self.documents < 2:
            return Range(guess / ROUGH, guess * ROUGH)
        # The residuals' variance by document, and how many documents are left of that size.
        squares = self._chunks_squared - 2 * ratio * self._product + ratio**2 * self._bytes_squared
        variance = max(0.0, squares) / (self.documents - 1)
        left = bytes_left / self.bytes * self.documents
        error = 2 * math.sqrt(left * variance * (1 + left / self.documents))
        return Range(max(0.0, guess - error), guess + error)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the outlook goes by. Counts, seconds, US dollars."""

    uncut: Range | None
    """Chunks of documents that are not cut yet; None if the folder was not counted."""
    cut: int
    looked_up: int
    to_pay: int
    """Of those looked up."""
    paid: int
    cost: float
    calls: int
    """Good answers."""
    pace: float
    """Texts a second, of late."""
    mean_pace: float
    """Texts a second, since the first call."""
    rpm: int
    """Texts a minute that the quota allows; 0 for no limit."""
    day_left: int | None
    """Texts that the day's quota still allows; None for no limit."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to come, with how sure that is."""

    texts: Range | None
    """To be paid for."""
    seconds: Range | None
    cost_usd: Range | None
    sure: str
    """``sure``, ``rough``, ``a guess``, or ``unknown``."""
    why: str


def look_ahead(facts: Facts) -> Outlook:
    """The outlook from these facts."""
    texts = _texts_left(facts)
    if texts is None:
        why = "nothing has been looked up yet" if facts.uncut else "the folder was not counted"
        return Outlook(None, None, None, "unknown", why)
    cost = _cost(facts, texts)
    if facts.day_left is not None and texts.low > facts.day_left:
        why = "more texts than the day's quota allows"
        return Outlook(texts, None, cost, "unknown", why)
    pace = _pace(facts)
    if pace is None:
        if texts.high < 1:
            return Outlook(texts, None, cost, "unknown", "nothing is left to pay for")
        return Outlook(texts, None, cost, "unknown", "too few calls were answered so far")
    seconds = Range(texts.low / pace.high, texts.high / pace.low)
    return Outlook(texts, seconds, cost, *_honesty(texts, pace, seconds))


def _texts_left(facts: Facts) -> Range | None:
    if facts.uncut is None:
        return None
    waiting = max(0, facts.to_pay - facts.paid)
    unknown = facts.cut - facts.looked_up
    if not facts.looked_up:
        return Range(0, 0) if unknown + facts.uncut.high < 1 else None
    share = facts.to_pay / facts.looked_up
    return Range(
        waiting + share * (unknown + facts.uncut.low),
        waiting + share * (unknown + facts.uncut.high),
    )


def _cost(facts: Facts, texts: Range) -> Range | None:
    if texts.high < 1:
        return Range(0.0, 0.0)
    if not facts.paid:
        return None
    each = facts.cost / facts.paid
    return Range(texts.low * each, texts.high * each)


def _pace(facts: Facts) -> Range | None:
    paces = facts.pace, facts.mean_pace
    if facts.calls < LEAST_CALLS or min(paces) <= 0:
        return None
    doubt = 1 / math.sqrt(facts.calls)
    low, high = min(paces) * (1 - doubt), max(paces) * (1 + doubt)
    if facts.rpm:
        high = min(high, max(facts.rpm / 60, *paces))
    return Range(low, high)


def _honesty(texts: Range, pace: Range, seconds: Range) -> tuple[str, str]:
    ratio = seconds.high / seconds.low if seconds.low else math.inf
    if seconds.high < 1 or ratio <= SURE:
        return "sure", "what is left and the pace are known"
    doubt_texts = texts.high / texts.low if texts.low else math.inf
    if doubt_texts > pace.high / pace.low:
        why = (
            "most of the folder is still to be read"
            if doubt_texts > ROUGH
            else ("documents differ in how many chunks they make")
        )
    else:
        why = "the pace varies, or is known by few calls"
    return ("rough" if ratio <= ROUGH else "a guess"), why
