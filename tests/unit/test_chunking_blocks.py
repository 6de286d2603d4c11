"""What holds for tables, code and sections, in characters and in tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.support.structured import DOCUMENTS, Part, build, code, heading, prose, table
from waypoint.chunking import CHARACTERS, Chunker, ChunkingSettings, SizeUnit
from waypoint.chunking.spans import trim
from waypoint.embedding.tokens import MOST_CHARACTERS_PER_TOKEN, estimate_tokens
from waypoint.models import Block, Chunk, Document

UNHURRIED = profile(deadline=None)
"""What is made of an example takes milliseconds, but on a busy machine anything may take long."""

TOKENS = SizeUnit("tokens-test", estimate_tokens, MOST_CHARACTERS_PER_TOKEN)


@st.composite
def any_settings(draw: st.DrawFn) -> ChunkingSettings:
    size = draw(st.integers(1, 120))
    unit = draw(st.sampled_from((CHARACTERS, TOKENS)))
    return ChunkingSettings(size, draw(st.integers(0, size - 1)), unit)


def fits(read: Document, settings: ChunkingSettings, start: int, end: int, size: int) -> bool:
    return start >= end or settings.unit.measure(read.text[start:end]) <= size


def header_of(read: Document, settings: ChunkingSettings, block: Block) -> tuple[int, int] | None:
    """The header that pieces of a block have to repeat."""
    start = trim(read.text, block.start, block.end)[0]
    if block.header_end == block.start:
        return None
    if not fits(read, settings, start, block.header_end, settings.size // 2):
        return None
    return start, block.header_end


def place(chunk: Chunk, name: str) -> tuple[int, int]:
    """A span of a chunk's metadata."""
    start, end = (chunk.metadata[f"{name}_{edge}"] for edge in ("start", "end"))
    assert isinstance(start, int)
    assert isinstance(end, int)
    return start, end


@UNHURRIED
@given(DOCUMENTS, any_settings())
def test_chunks_are_exact_and_within_their_limits(
    read: Document, settings: ChunkingSettings
) -> None:
    """In order, all but white space, none too large but a character that is so by itself."""
    covered = before = 0
    for chunk in Chunker(settings).plan(read).chunks():
        start, end = place(chunk, "char")
        text = read.text[start:end]
        if "header_start" in chunk.metadata:
            text = read.text[slice(*place(chunk, "header"))] + text
        assert chunk.text == text == text.strip()
        assert settings.unit.measure(text) <= settings.size or end - start == 1
        assert not read.text[covered:start].strip()
        assert fits(read, settings, start, covered, settings.overlap)
        assert end > covered
        assert start > before or before == 0
        covered, before = end, start
    assert not read.text[covered:].strip()


@pytest.mark.parametrize("gap", [" " * 590, "\n" * 640], ids=["spaces", "lines"])
@pytest.mark.parametrize("block", [code(["ls -l"]), table("| a | b |", ["| 1 | 2 |"])])
def test_a_gap_wider_than_a_chunk_is_in_none(block: Part, gap: str) -> None:
    """What is before it is a chunk of its own; what is behind it is cut as ever."""
    read = build([block])
    text = f"{read.text}{gap}\n{'A sentence of some words. ' * 60}"
    plan = Chunker(ChunkingSettings(600, 90)).plan(replace(read, text=text))
    first, *others = plan.chunks()
    assert first.text == block.text.strip()
    assert "".join(others[0].text.split()) in "".join(text.split())
    assert all(len(chunk.text) <= 600 for chunk in others)


@UNHURRIED
@given(DOCUMENTS, any_settings())
def test_a_block_that_fits_is_never_cut(read: Document, settings: ChunkingSettings) -> None:
    """A chunk holds all of it or nothing."""
    spans = Chunker(settings).plan(read).spans
    for block in read.blocks:
        start, end = trim(read.text, block.start, block.end)
        if fits(read, settings, start, end, settings.size):
            holders = [span for span in spans if span.start < end and start < span.end]
            assert [span.start <= start and end <= span.end for span in holders] == [True]


@UNHURRIED
@given(DOCUMENTS, any_settings())
def test_a_block_that_is_too_long_is_cut_at_the_ends_of_lines(
    read: Document, settings: ChunkingSettings
) -> None:
    """Unless a line is too long by itself; and each further piece of a table has its header."""
    spans = Chunker(settings).plan(read).spans
    for block in read.blocks:
        start, end = trim(read.text, block.start, block.end)
        if fits(read, settings, start, end, settings.size):
            continue
        header = header_of(read, settings, block)
        behind = start if header is None else header[1]
        room = settings.size
        if header is not None:
            room -= settings.unit.measure(read.text[slice(*header)])
        for span in spans:
            if behind <= span.start < end and span.start > start:
                assert span.header == header
                assert header is None or span.end <= end
            if start < span.end < end and read.text[span.end] != "\n":
                line = read.text.rfind("\n", start, span.end) + 1 or start
                line_end = read.text.find("\n", span.end)
                assert not fits(read, settings, line, line_end, room)
    blocks = [(block.start, block.end) for block in read.blocks if block.kind == "table"]
    for span in spans:
        assert span.header is None or any(s <= span.start < e for s, e in blocks)


@UNHURRIED
@given(DOCUMENTS, any_settings())
def test_no_chunk_crosses_a_section_unless_one_is_tiny(
    read: Document, settings: ChunkingSettings
) -> None:
    """What lies before the heading is, or what lies behind it and is the document's end."""
    starts = [each.start for each in read.headings if each.level <= 2]
    for span in Chunker(settings).plan(read).spans:
        for start in starts:
            if span.start < start < span.end:
                before = trim(read.text, span.start, start)
                behind = trim(read.text, start, len(read.text))
                assert fits(read, settings, *before, settings.tiny - 1) or fits(
                    read, settings, *behind, settings.tiny - 1
                )


@UNHURRIED
@given(DOCUMENTS, any_settings())
def test_the_same_document_gives_the_same_chunks(
    read: Document, settings: ChunkingSettings
) -> None:
    """And no two share an id."""
    plan = Chunker(settings).plan(read)
    assert plan.chunks() == Chunker(settings).plan(read).chunks()
    assert len(set(plan.ids)) == plan.count


ROWS = [f"| {n} | goods of kind {n} |" for n in range(40)]
HEADER = "| number | goods |"


def chunk_texts(read: Document, settings: ChunkingSettings) -> list[str]:
    return [chunk.text for chunk in Chunker(settings).plan(read).chunks()]


def test_a_table_is_cut_between_rows_with_its_header_before_each_piece() -> None:
    """Each row is in one piece, whole."""
    read = build([heading(2, "Goods"), prose("They are:"), table(HEADER, ROWS), prose("The end.")])
    chunks = Chunker(ChunkingSettings(300, 40)).plan(read).chunks()
    first, *others = chunks
    assert first.text.startswith(f"## Goods\n\nThey are:\n\n{HEADER}\n|---|---|\n{ROWS[0]}")
    assert "header_start" not in first.metadata
    assert all(each.text.startswith(f"{HEADER}\n|---|---|\n| ") for each in others[:-1])
    rows = [line for each in chunks for line in each.text.split("\n") if "goods of" in line]
    assert rows == ROWS
    assert chunks[-1].text == "The end."
    assert all(200 < len(each.text) <= 300 for each in chunks[:-2])


def test_a_header_of_more_than_half_a_chunk_is_not_repeated() -> None:
    """Else there would be little room for rows."""
    read = build([table(f"| {'long ' * 30}| goods |", ROWS)])
    plan = Chunker(ChunkingSettings(300, 0)).plan(read)
    assert plan.count > 3
    assert not any(span.header for span in plan.spans)


def test_what_stands_before_a_table_leaves_its_rows_whole() -> None:
    """A row that has room behind its header, but not behind the heading too, goes without that."""
    read = build(
        [heading(1, "ship"), table("| ship | ship |", ["| ship | ship | ship |", "| a |"])]
    )
    found = chunk_texts(read, ChunkingSettings(52, 0))
    table_head = "| ship | ship |\n|---|---|\n"
    assert found == ["# ship", f"{table_head}| ship | ship | ship |", f"{table_head}| a |"]


def test_a_row_that_is_too_long_is_cut_inside() -> None:
    """As the last resort, between words; its pieces have the header as well."""
    read = build([table(HEADER, [ROWS[0], f"| 1 | {'goods ' * 100}|", ROWS[2]])])
    found = chunk_texts(read, ChunkingSettings(300, 0))
    header = f"{HEADER}\n|---|---|\n"
    assert all(each.startswith(header) for each in found)
    assert found[0] == f"{header}{ROWS[0]}"
    assert "".join(each.removeprefix(header) for each in found).count("goods") == 102


def test_code_is_cut_between_lines_and_its_fence_is_not_left_alone() -> None:
    """What is left at the end is no tiny piece."""
    lines = [f"    total += price_of(item_{n})  # counted once" for n in range(30)]
    read = build([heading(3, "Sums"), code(lines)])
    settings = ChunkingSettings(300, 60)
    found = chunk_texts(read, settings)
    assert "\n    ".join(found) == read.text.strip()
    assert min(map(len, found)) >= settings.tiny


def test_prose_fills_up_what_a_block_leaves() -> None:
    """And does not overlap with it."""
    words = "The ship goes. " * 60
    read = build([code(["x = 1"]), prose(words), code(["y = 2"] * 4), prose(words)])
    plan = Chunker(ChunkingSettings(300, 60)).plan(read)
    assert len(plan.chunks()[0].text) > 250
    for block in read.blocks:
        assert sum(span.start < block.end and block.start < span.end for span in plan.spans) == 1


@pytest.mark.parametrize("kind", ["prose", "blanks", "unbroken", "table", "code"])
def test_no_more_is_measured_than_grows_with_the_text(kind: str) -> None:
    """Twice the text, about twice the characters that are measured, however it is made."""

    def measured(times: int) -> int:
        total = 0

        def measure(text: str) -> int:
            nonlocal total
            total += len(text)
            return estimate_tokens(text)

        part = {
            "prose": prose("The ship goes to the harbour. " * 400 * times),
            "blanks": prose(("港口" * 300 + " " * 9000) * times),
            "unbroken": prose("x" * 12_000 * times),
            "table": table(HEADER, ROWS * 10 * times),
            "code": code(["total += 1"] * 1000 * times),
        }[kind]
        unit = SizeUnit("counted", measure, MOST_CHARACTERS_PER_TOKEN)
        assert Chunker(ChunkingSettings(100, 10, unit)).plan(build([part])).count > 10
        return total

    assert measured(8) < 2.5 * measured(4)
