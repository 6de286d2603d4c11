"""The rate, and what is still to come: time and cost left, as ranges.

An estimate that hides its uncertainty is worth nothing. Two things are not known: how many texts
are left to embed, and at what rate they will be. The first comes from the documents cut so far,
as a ratio estimate (chunks to bytes) with two standard errors to each side; the second from the
rate of the last minute and that of the whole run, widened by what so few calls can tell, and
never above the quota.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

RATE_WINDOW = 60.0
"""Seconds over which the rate is taken: a quota's own."""

SURE, ROUGH = 1.25, 2.0
"""Times the lower end, up to which the upper end makes a range ``sure``, or ``rough``."""

LEAST_CALLS = 3
"""Before so many answers, no rate is known."""

_SLOT = 0.25
"""Seconds whose texts are counted together, so that memory is bounded."""


class RateMeter:
    """Texts embedded a second, over the last minute and over the whole run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._texts = 0
        self._recent: deque[tuple[float, int]] = deque()

    def start(self) -> None:
        """The first call is sent: the time before it counts for nothing."""
        if self._since is None:
            self._since = self._clock()

    def add(self, texts: int) -> None:
        """So many texts more were embedded."""
        self.start()
        now = self._clock()
        self._texts += texts
        if self._recent and now - self._recent[-1][0] < _SLOT:
            began, before = self._recent.pop()
            self._recent.append((began, before + texts))
        else:
            self._recent.append((now, texts))
        while self._recent[0][0] < now - RATE_WINDOW:
            self._recent.popleft()

    @property
    def recent(self) -> float:
        """Over the last minute, or what there was of it since the first call."""
        since = self._clock() - RATE_WINDOW
        texts = sum(texts for at, texts in self._recent if at >= since)
        return _ratio(texts, min(RATE_WINDOW, self._seconds))

    @property
    def mean(self) -> float:
        """Since the first call."""
        return _ratio(self._texts, self._seconds)

    @property
    def _seconds(self) -> float:
        return 0.0 if self._since is None else self._clock() - self._since


def _ratio(texts: int, seconds: float) -> float:
    return texts / seconds if seconds > 0 else 0.0


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
    """Chunks of which it is known where their vector comes from."""
    to_embed: int
    """Of those looked up."""
    embedded: int
    """Of those to embed."""
    cost_each: float | None
    """Of a text, so far; None before the first."""
    calls: int
    """Good answers."""
    rate: float
    """Texts a second, over the last minute."""
    mean_rate: float
    """Texts a second, since the first call."""
    rpm: int
    """Texts a minute that the quota allows; 0 for no limit."""
    day_left: int | None
    """Texts that the day's quota still allows; None for no limit."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to come, and how sure that is."""

    texts: Range | None
    """To be embedded."""
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
    rate = _rate(facts)
    if rate is None:
        if texts.high < 1:
            return Outlook(texts, None, cost, "unknown", "nothing is left to embed")
        return Outlook(texts, None, cost, "unknown", "too few calls were answered so far")
    seconds = Range(texts.low / rate.high, texts.high / rate.low)
    return Outlook(texts, seconds, cost, *_certainty(texts, rate, seconds))


def _texts_left(facts: Facts) -> Range | None:
    if facts.uncut is None:
        return None
    waiting = max(0, facts.to_embed - facts.embedded)
    unknown = facts.cut - facts.looked_up
    if not facts.looked_up:
        return Range(0, 0) if unknown + facts.uncut.high < 1 else None
    share = facts.to_embed / facts.looked_up
    return Range(
        waiting + share * (unknown + facts.uncut.low),
        waiting + share * (unknown + facts.uncut.high),
    )


def _cost(facts: Facts, texts: Range) -> Range | None:
    if texts.high < 1:
        return Range(0.0, 0.0)
    each = facts.cost_each
    return None if each is None else Range(texts.low * each, texts.high * each)


def _rate(facts: Facts) -> Range | None:
    rates = facts.rate, facts.mean_rate
    if facts.calls < LEAST_CALLS or min(rates) <= 0:
        return None
    margin = 1 / math.sqrt(facts.calls)
    low, high = min(rates) * (1 - margin), max(rates) * (1 + margin)
    if facts.rpm:
        high = min(high, max(facts.rpm / 60, *rates))
    return Range(low, high)


def _certainty(texts: Range, rate: Range, seconds: Range) -> tuple[str, str]:
    ratio = seconds.high / seconds.low if seconds.low else math.inf
    if seconds.high < 1 or ratio <= SURE:
        return "sure", "what is left and the rate are known"
    texts_ratio = texts.high / texts.low if texts.low else math.inf
    if texts_ratio > rate.high / rate.low:
        why = (
            "most of the folder is still to be read"
            if texts_ratio > ROUGH
            else "documents differ in how many chunks they make"
        )
    else:
        why = "the rate varies, or is known from few calls"
    return ("rough" if ratio <= ROUGH else "a guess"), why
