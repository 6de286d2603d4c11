"""What holds for tables, code and sections, in characters and in tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.structured import DOCUMENTS
from waypoint.chunking import CHARACTERS, Chunker, ChunkingSettings, SizeUnit
from waypoint.chunking.spans import trim
from waypoint.embedding.tokens import MOST_CHARACTERS_PER_TOKEN, estimate_tokens
from waypoint.models import Block, Chunk, Document

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


@given(DOCUMENTS, any_settings())
def test_a_block_that_fits_is_never_cut(read: Document, settings: ChunkingSettings) -> None:
    """A chunk holds all of it or nothing."""
    spans = Chunker(settings).plan(read).spans
    for block in read.blocks:
        start, end = trim(read.text, block.start, block.end)
        if fits(read, settings, start, end, settings.size):
            holders = [span for span in spans if span.start < end and start < span.end]
            assert [span.start <= start and end <= span.end for span in holders] == [True]


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


@given(DOCUMENTS, any_settings())
def test_the_same_document_gives_the_same_chunks(
    read: Document, settings: ChunkingSettings
) -> None:
    """And no two share an id."""
    plan = Chunker(settings).plan(read)
    assert plan.chunks() == Chunker(settings).plan(read).chunks()
    assert len(set(plan.ids)) == plan.count
