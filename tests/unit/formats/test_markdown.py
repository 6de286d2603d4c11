"""Headings, as CommonMark has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from waypoint.formats.markup.markdown import find_structure
from waypoint.models import Block, Heading

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
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "heading_open" and token.level == 0:
            assert token.map is not None
            yield int(token.tag[1]), line_starts[token.map[0]]


@given(st.lists(st.sampled_from(LINES), max_size=15).map("\n".join))
def test_headings_are_those_that_another_parser_finds(text: str) -> None:
    """Fences, comments, quotes, lists, indented code and Setext underlines are understood."""
    found = [(heading.level, heading.start) for heading in find_structure(text).headings]
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
    assert list(find_structure(text).headings) == expected


def reference_blocks(text: str) -> Iterator[tuple[str, int, int]]:
    """Kinds, first lines and last lines by another parser, of what is not nested."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.level == 0 and token.type in ("fence", "code_block", "table_open"):
            assert token.map is not None
            last = token.map[1]
            lines = text.split("\n")
            while last - 1 > token.map[0] and not lines[last - 1].strip():
                last -= 1
            yield ("table" if token.type == "table_open" else "code", token.map[0], last)


BLOCK_LINES = (
    *("é text", "## Two", "```", "```py", "~~~", "    code é", "| a | b |", "|---|:-:|", "| é |"),
    *("", "", "- item", "> quote", "  ```"),
)


@given(st.lists(st.sampled_from(BLOCK_LINES), max_size=12).map("\n".join))
def test_blocks_are_whole_lines_in_order_and_do_not_overlap(text: str) -> None:
    """A table's header ends where its first row begins."""
    end = 0
    for block in find_structure(text).blocks:
        assert end <= block.start <= block.header_end <= block.end <= len(text)
        assert block.start == 0 or text[block.start - 1] == "\n"
        assert block.end == len(text) or text[block.end] == "\n"
        if block.kind == "table":
            header = text[block.start : block.header_end]
            assert "---" in header.split("\n")[1]
            assert block.header_end in (block.end, block.start + len(header))
        else:
            assert block.header_end == block.start
        end = block.end


@given(st.lists(st.sampled_from(BLOCK_LINES[:10]), max_size=12).map("\n".join))
def test_blocks_are_those_that_another_parser_finds(text: str) -> None:
    """Fenced and indented code, and GitHub's tables."""
    # Whether an indented line goes on a table is told differently by the two.
    assume(not re.search(r"\|\n(?:.+\n)*? {4}", text))
    found = [
        (each.kind, text.count("\n", 0, each.start), text.count("\n", 0, each.end) + 1)
        for each in find_structure(text).blocks
    ]
    assert found == list(reference_blocks(text))


def test_a_table_s_header_is_its_first_two_lines() -> None:
    """In characters, also where they aren't bytes; a table without rows is all header."""
    text = "é\n\n| ä | b |\n|---|---|\n| 1 | 2 |\n\n- x\n\n  | h |\n  |---|\n\nend"
    first, second = find_structure(text).blocks
    assert text[first.start : first.header_end] == "| ä | b |\n|---|---|\n"
    assert text[first.header_end : first.end] == "| 1 | 2 |"
    assert first == Block("table", 3, first.end, first.header_end)
    assert text[second.start : second.end] == "  | h |\n  |---|"
    assert second.header_end == second.end
