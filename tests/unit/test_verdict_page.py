"""The page: whole in itself, and safe whatever the documents are called."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from waypoint.verification.checks import Status, failed, passed
from waypoint.verification.page import make_page
from waypoint.verification.picture import Picture, Point
from waypoint.verification.retrieval import FoundChunk, QuestionResult, TierResult
from waypoint.verification.verdict import Verdict

EVIL = """"><script>alert(1)</script>&'"""


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def evil_page() -> str:
    """Hostile text wherever text from outside goes."""
    question = QuestionResult(EVIL, EVIL, 0, [FoundChunk(EVIL, EVIL, 0.5)])
    tier = TierResult(EVIL, 5, 1, Status.FAIL, 0, 0.0, 0.0, [question])
    verdict = Verdict(
        "id", "now", EVIL, EVIL, EVIL, 768, 2, EVIL, EVIL,
        checks=[passed("ids", EVIL), failed("texts", EVIL, found=1, examples=[EVIL])],
        tiers=[tier], notices=[EVIL],
    )  # fmt: skip
    points = [Point(0, 0, EVIL, EVIL, EVIL), Point(1, 1, "b", "b.md", "")]
    return make_page(verdict, Picture(points, 0.5, 2))


def test_text_from_outside_stays_text() -> None:
    """No tag and no attribute comes of it, and it is shown as it is."""
    page = Page(evil_page())
    assert page.tags.count("script") == 1
    assert page.text.count(EVIL) >= 10
    assert ("aria-label", f"{EVIL}: {EVIL}") in page.attributes


def test_the_page_is_whole_in_itself() -> None:
    """It names no address but its own, and forbids the browser to fetch any."""
    text = evil_page()
    page = Page(text)
    assert not {"link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert not re.search(r"https?://|url[(]|@import", text)
    assert "default-src 'none'" in text


def test_points_are_named_and_reached_by_keyboard() -> None:
    """Each has a name, and one of them is where the keyboard begins."""
    page = Page(evil_page())
    indexes = [value for name, value in page.attributes if name == "tabindex"]
    assert sorted(map(str, indexes)) == ["-1", "0"]
    assert page.tags.count("circle") == 2
    assert "prefers-color-scheme: dark" in evil_page()


def test_a_verdict_without_picture_or_questions_is_a_page() -> None:
    """Nothing empty is shown in their place."""
    page = Page(make_page(Verdict("id", "now", "kb", checks=[passed("ids", "1 id")]), None))
    assert "svg" not in page.tags
    assert page.tags.count("table") == 1
