"""Documents of any structure whose parts are known: headings, prose, tables and code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st

from waypoint.formats.text.normalised import normalise_text
from waypoint.models import Block, Document, Heading, SourceFile

WORDS = st.sampled_from(
    (
        "ship",
        "a",
        "Rotterdam.",
        "unbroken" * 6,
        "港口货物",
        "груз",
        "40'",
        "9,81",
        "😀👍🏽",
        "e\u0301",
        "𒀀",
    )
)
LINES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
CELLS = st.lists(WORDS, min_size=2, max_size=4).map(lambda cells: f"| {' | '.join(cells)} |")
PROSE = st.lists(LINES, min_size=1, max_size=5).map("\n\n".join)


@dataclass(frozen=True)
class Part:
    """A part of a text; ``header`` is what pieces of a table repeat."""

    kind: Literal["heading", "prose", "table", "code"]
    text: str
    header: str = ""


def heading(level: int, title: str) -> Part:
    return Part("heading", f"{'#' * level} {title}")


def prose(text: str) -> Part:
    return Part("prose", text)


def table(header: str, rows: list[str]) -> Part:
    header = f"{header}\n|---|---|\n"
    return Part("table", header + "\n".join(rows), header)


def code(lines: list[str]) -> Part:
    return Part("code", "\n".join(("```", *lines, "```")))


PARTS = st.one_of(
    st.builds(heading, st.integers(1, 4), WORDS),
    st.builds(prose, PROSE),
    st.builds(table, CELLS, st.lists(CELLS, max_size=9)),
    st.builds(code, st.lists(LINES, max_size=9)),
    # White space wider than a chunk, as pasted output has it.
    st.builds(
        lambda space, count: prose(space * count), st.sampled_from("\n "), st.integers(1, 300)
    ),
)


def build(parts: list[Part], *, title: str = "Title") -> Document:
    """A Markdown document of these parts, a blank line between them."""
    text = ""
    headings: list[Heading] = []
    blocks: list[Block] = []
    for part in parts:
        start = len(text)
        text += normalise_text(part.text)
        if part.kind == "table" or part.kind == "code":
            header_end = start + len(normalise_text(part.header))
            blocks.append(Block(part.kind, start, len(text), header_end))
        elif part.kind == "heading":
            level = part.text.index(" ")
            headings.append(Heading(level, part.text[level + 1 :], start))
        text += "\n\n"
    return Document(
        file=SourceFile("top/a.md", Path("top/a.md"), 1, "v1"),
        doc_id="top-a",
        title=title,
        text=text,
        headings=tuple(headings),
        metadata={},
        digest="",
        format="markdown",
        is_markdown=True,
        blocks=tuple(blocks),
    )


DOCUMENTS = st.lists(PARTS, max_size=8).map(build)
