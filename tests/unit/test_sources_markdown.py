"""Headings, as CommonMark has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from waypoint.models import Heading
from waypoint.sources.markdown import find_headings

LINES = (
    *("# One", "## Two ##", "### 日本 😀", "   ## indented", "    # code", "\t# code", "#", "#no"),
    *("####### seven", "text", "  more text", "===", "---", "```", "~~~", "  ```", "> quote"),
    *("> # quoted", "- item", "- # in item", "1. one", "  # in one", "<!--", "-->", "<div>"),
    *("</div>", "<pre>", "</pre>", "* * *", "| a | b |", "|---|---|", "`code` # x", "", ""),
)
"""What begins and ends blocks; pulldown-cmark departs from the standard elsewhere only."""


def reference_headings(text: str) -> Iterator[tuple[int, int]]:
    """Levels and offsets by another parser."""
    line_starts = [0]
    for line in text.split("\n"):
        line_starts.append(line_starts[-1] + len(line) + 1)
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "heading_open" and token.level == 0:
            assert token.map is not None
            yield int(token.tag[1]), line_starts[token.map[0]]


@given(st.lists(st.sampled_from(LINES), max_size=15).map("\n".join))
def test_headings_are_those_that_another_parser_finds(text: str) -> None:
    """Fences, comments, quotes, lists, indented code and Setext underlines are understood."""
    found = [(heading.level, heading.start) for heading in find_headings(text)]
    assert found == list(reference_headings(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A *b* `c` [d](x) ##\n", [Heading(1, "A b c d", 0)]),
        ("é 😀\n\n  ## Zwei\n", [Heading(2, "Zwei", 5)]),
        ("Two\nlines\n---\n", [Heading(2, "Two lines", 0)]),
        ("# &amp; \\# <b>x</b>\n", [Heading(1, "& # x", 0)]),
        ("#\n", [Heading(1, "", 0)]),
        ("```\n# no\n```\n<!--\n# no\n-->\n", []),
        ("> # no\n\n- # no\n\n# yes", [Heading(1, "yes", 16)]),
    ],
)
def test_titles_are_plain_text_and_starts_are_in_characters(
    text: str, expected: list[Heading]
) -> None:
    """A heading starts with its line, of which Setext headings have several."""
    assert list(find_headings(text)) == expected
