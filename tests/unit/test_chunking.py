"""What holds for the chunks of any text under any settings."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waypoint.chunking import Chunker, ChunkingSettings, ChunkPlan
from waypoint.errors import ConfigurationError
from waypoint.formats.markup.markdown import find_headings
from waypoint.formats.text.normalised import normalise_text
from waypoint.models import Document, Heading, MetadataValue, Place, SourceFile

USUAL = ChunkingSettings(600, 90)


def document(
    text: str, *, format_name: str = "markdown", metadata: dict[str, MetadataValue] | None = None
) -> Document:
    text = normalise_text(text)
    headings: tuple[Heading, ...] = ()
    if format_name == "markdown":
        headings = tuple(find_headings(text))
    return Document(
        file=SourceFile("top/a.md", Path("top/a.md"), 1, "v1"),
        doc_id="top-a",
        title="Title",
        text=text,
        headings=headings,
        metadata={"format": format_name, **(metadata or {})},
        digest="",
        format=format_name,
        is_markdown=format_name == "markdown",
    )


def texts(plan: ChunkPlan) -> list[str]:
    return [chunk.text for chunk in plan.chunks()]


def sentences(word: str, count: int) -> str:
    return " ".join(f"The {word} number {n} goes to the harbour." for n in range(count))


@st.composite
def settings_of_any_size(draw: st.DrawFn) -> ChunkingSettings:
    size = draw(st.integers(1, 80))
    return ChunkingSettings(size, draw(st.integers(0, size - 1)))


PIECES = st.sampled_from(
    (
        *("# A\n", "## B\n", "### C\n", "C\n---\n", "\n", "\n\n", "```\n", "- x\n", "  - y\n"),
        *("| a | b |\n|---|---|\n| 1 | 2 |\n", "> z\n", "one two three. ", "unbroken" * 8, "    "),
        *(
            "😀",
            "👨\u200d👩\u200d👧 ",
            "e\u0301 ",
            "\u2028",
            "\x0c",
            "\x1c",
            "\xa0",
            "<!-- ",
            "-->\n",
            "`x`",
        ),
    )
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=40).map("".join)
FORMATS = st.sampled_from(["markdown", "text"])


@given(TEXTS, FORMATS, settings_of_any_size())
@example("a a-", "text", ChunkingSettings(2, 1))  # the splitter says "a", " a", "a-"
def test_chunks_cover_the_text_exactly_within_their_limits(
    text: str, format_name: str, settings: ChunkingSettings
) -> None:
    """All but white space; in order; none too long, empty, or inside another."""
    read = document(text, format_name=format_name)
    covered = start_before = 0
    for chunk in Chunker(settings).plan(read).chunks():
        start, end = chunk.metadata["char_start"], chunk.metadata["char_end"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        assert read.text[start:end] == chunk.text == chunk.text.strip()
        assert 0 < len(chunk.text) <= settings.size
        assert not read.text[covered:start].strip()
        assert start >= covered - settings.overlap
        assert end > covered
        assert start > start_before or start == 0
        covered, start_before = end, start
    assert not read.text[covered:].strip()


@given(TEXTS, FORMATS, settings_of_any_size())
def test_the_same_text_gives_the_same_chunks_with_any_line_ends(
    text: str, format_name: str, settings: ChunkingSettings
) -> None:
    """And no two chunks share an id."""
    text = text.replace("\r", "")
    plans = [
        Chunker(settings).plan(document(text.replace("\n", line_end), format_name=format_name))
        for line_end in ("\n", "\r\n", "\r")
    ]
    assert plans[0].chunks() == plans[1].chunks() == plans[2].chunks()
    assert len(set(plans[0].ids)) == plans[0].count


def test_a_chunk_knows_where_it_comes_from() -> None:
    """All fields, beside the document's own."""
    text = "# Top\n\n## Part\n\n" + sentences("ship", 4)
    plan = Chunker(USUAL).plan(document(text, metadata={"jurisdiction": "SG"}))
    (chunk,) = plan.chunks()
    assert chunk.source == "top/a.md"
    assert chunk.id == plan.spans[0].id == plan.ids[0]
    assert chunk.metadata == {
        "format": "markdown",
        "jurisdiction": "SG",
        "source": "top/a.md",
        "doc_id": "top-a",
        "title": "Title",
        "category": "top",
        "section_header": "",
        "subsection_header": "",
        "heading_path": "Top",
        "chunk_index": 0,
        "chunk_count": 1,
        "char_start": 0,
        "char_end": len(text),
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
    }


def test_headings_in_force_are_those_at_the_chunks_first_character() -> None:
    """An H2 ends the H3 before it, an H1 ends both, an H4 refines an H3."""
    body = sentences("box", 12)
    headings = ["# One", "## A", "### a", "#### aa", "### b", "## B", "# Two", "##### deep"]
    text = "".join(f"{heading}\n\n{body}\n\n" for heading in headings)
    chunks = Chunker(ChunkingSettings(600, 0)).plan(document(text)).chunks()
    trail = {
        chunk.text.split("\n")[0]: (
            chunk.metadata["section_header"],
            chunk.metadata["subsection_header"],
        )
        for chunk in chunks
        if chunk.text.startswith("#")
    }
    assert trail == {
        "# One": ("", ""),
        "## A": ("A", ""),
        "### a": ("A", "a"),
        "#### aa": ("A", "aa"),
        "### b": ("A", "b"),
        "## B": ("B", ""),
        "# Two": ("", ""),
        "##### deep": ("", ""),
    }


def test_a_heading_path_has_all_headings_in_force() -> None:
    """Of any level, the shortest way down to the chunk; overlong ones shortened."""
    headings = ("# One", "## A", "#### aa", "###### deep", "### b", "# Two", "### c", "#")
    text = "\n\n".join(f"{each}\n\n{sentences('ship', 20)}" for each in headings)
    text += f"\n\n## {'x' * 300}\n\n{sentences('ship', 20)}"
    chunks = Chunker(ChunkingSettings(600, 0)).plan(document(text)).chunks()
    paths = [chunk.metadata["heading_path"] for chunk in chunks if chunk.text.startswith("#")]
    assert paths == [
        "One",
        "One > A",
        "One > A > aa",
        "One > A > aa > deep",
        "One > A > b",
        "Two",
        "Two > c",
        "",
        "x" * 199 + "…",
    ]


def test_a_chunk_knows_the_page_it_begins_on() -> None:
    """From 1; only where there are pages, which a chunk may cross."""
    pages = [sentences(word, 30) for word in ("ship", "crane", "lorry")]
    text = "\n\n".join(pages)
    starts = tuple(text.index(page) for page in pages)
    plan = Chunker(USUAL).plan(replace(document(text, format_name="text"), pages=starts))
    found = [chunk.metadata["page"] for chunk in plan.chunks()]
    expected = [sum(start <= span.start for start in starts) for span in plan.spans]
    assert found == expected
    assert set(found) == {1, 2, 3}
    later = replace(document("Before\n\nit", format_name="text"), pages=(8,))
    assert [chunk.metadata["page"] for chunk in Chunker(USUAL).plan(later).chunks()] == [1]
    without = Chunker(USUAL).plan(document(text)).chunks()
    assert not any("page" in chunk.metadata for chunk in without)


def test_slides_and_sheets_stay_apart_however_little_is_on_them() -> None:
    """Each chunk's metadata says which it is of; times, which begin no section, may be crossed."""
    text = "## Dues\n\nNorth\n\n## Notes\n\nPaid by the tonne.\n\n## End\n\nx"
    starts = [text.index(f"## {title}") for title in ("Dues", "Notes", "End")]
    slides = tuple(Place(start, "slide", number) for number, start in enumerate(starts, 1))
    chunks = Chunker(USUAL).plan(replace(document(text), places=slides)).chunks()
    assert [(chunk.metadata["slide"], chunk.text) for chunk in chunks] == [
        (1, "## Dues\n\nNorth"),
        (2, "## Notes\n\nPaid by the tonne."),
        (3, "## End\n\nx"),
    ]
    said = "Cast off.\n\nAll gone."
    times = (Place(0, "time", "00:00:01"), Place(11, "time", "00:00:09"))
    (chunk,) = Chunker(USUAL).plan(replace(document(said), places=times)).chunks()
    assert (chunk.text, chunk.metadata["time"]) == (said, "00:00:01")


def test_no_chunk_crosses_a_section_that_is_not_tiny() -> None:
    """Although two sections would fit into one chunk, and overlap ends with its section."""
    text = "".join(f"## Part {n}\n\n{sentences('ship', 6)}\n\n" for n in range(5))
    text += f"Setext\n======\n\n{sentences('ship', 30)}\n\n## End\n\n{sentences('ship', 5)}"
    read = document(text)
    starts = [heading.start for heading in read.headings]
    for span in Chunker(USUAL).plan(read).spans:
        assert not any(span.start < start < span.end for start in starts)


def test_a_heading_alone_goes_with_what_follows() -> None:
    """At the front of a section and within it, however little room there is."""
    long = sentences("container", 40)
    text = (
        f"# Title\n\n## Empty\n\n## Part\n\n{long}\n\n### Alone\n\n{long}\n\nAlso\n----\n\n{long}"
    )
    found = texts(Chunker(USUAL).plan(document(text)))
    assert found[0].startswith("# Title\n\n## Empty\n\n## Part\n\nThe container")
    (with_alone,) = [each for each in found if "### Alone" in each]
    assert with_alone.startswith("### Alone\n\nThe container")
    (with_setext,) = [each for each in found if "Also\n----" in each]
    assert with_setext.startswith("Also\n----\n\nThe container")
    assert USUAL.tiny <= min(map(len, found)) <= max(map(len, found)) <= USUAL.size


def test_the_last_tiny_section_goes_with_what_comes_before_it() -> None:
    """If both fit; else it stands alone."""
    short = f"## Part\n\n{sentences('ship', 6)}\n\n## End"
    assert texts(Chunker(USUAL).plan(document(short))) == [short]
    full = f"## Part\n\n{sentences('ship', 14)}"
    settings = ChunkingSettings(len(full), 0)
    assert texts(Chunker(settings).plan(document(f"{full}\n\n## End"))) == [full, "## End"]


def test_overlap_repeats_the_end_of_the_chunk_before() -> None:
    """Within a section, at most as much as was set, and more than nothing."""
    spans = Chunker(USUAL).plan(document(sentences("ship", 100))).spans
    overlaps = [before.end - after.start for before, after in pairwise(spans)]
    assert len(overlaps) > 5
    assert all(0 < overlap <= USUAL.overlap for overlap in overlaps)


def test_repeated_text_gets_ids_of_its_own() -> None:
    """Told apart by how often the text came before."""
    part = f"## Same\n\n{sentences('ship', 6)}\n\n"
    plan = Chunker(USUAL).plan(document(part * 3))
    assert len(set(texts(plan))) == 1
    assert [span.occurrence for span in plan.spans] == [0, 1, 2]
    assert len(set(plan.ids)) == 3
    assert Chunker(USUAL).plan(document(part * 2)).ids == plan.ids[:2]


@given(st.text("abc .\n", min_size=1, max_size=900))
def test_ids_of_untouched_sections_survive_an_insertion(inserted: str) -> None:
    """A paragraph put before them moves their index, not their id."""
    rest = "".join(f"## Part {n}\n\n{sentences(f'ship{n}', 20)}\n\n" for n in range(4))
    before = Chunker(USUAL).plan(document(f"# Top\n\n{sentences('x', 5)}\n\n{rest}"))
    after = Chunker(USUAL).plan(document(f"# Top\n\n{sentences('x', 5)}\n\n{inserted}\n\n{rest}"))
    assert before.ids[1:] == after.ids[-(before.count - 1) :]
    assert all(len(each) == len("top-a:") + 16 for each in after.ids)


def test_ids_differ_between_sources() -> None:
    """The same text in two files is stored twice."""
    one = document("Some text.")
    file = SourceFile("other/b.md", Path("other/b.md"), 1, "v1")
    two = Document(file, "top-a", "", one.text, (), {}, "")
    assert Chunker(USUAL).plan(one).ids != Chunker(USUAL).plan(two).ids


def test_chunks_can_be_had_one_by_one() -> None:
    """Whichever is asked for, and in whatever order, they are those of the whole."""
    plan = Chunker(USUAL).plan(document(sentences("ship", 100)))
    everything = plan.chunks()
    assert [plan.chunk(index) for index in (3, 2)] == [everything[3], everything[2]]
    with pytest.raises(IndexError):
        plan.chunk(plan.count)
    assert [chunk.metadata["chunk_index"] for chunk in everything] == list(range(plan.count))


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_a_document_without_text_has_no_chunks(text: str) -> None:
    """White space is not text."""
    plan = Chunker(USUAL).plan(document(text))
    assert (plan.count, plan.ids, plan.chunks()) == (0, [], [])


def test_settings_have_a_fingerprint_and_refuse_what_is_impossible() -> None:
    """Equal fingerprints mean equal chunks."""
    assert USUAL.fingerprint() == "sections-3/600/90/characters"
    for size, overlap in ((0, 0), (600, 600), (600, -1)):
        with pytest.raises(ConfigurationError) as caught:
            ChunkingSettings(size, overlap)
        assert caught.value.hint


@pytest.mark.parametrize("format_name", ["markdown", "text"])
def test_text_without_any_structure_is_cut_in_linear_time(format_name: str) -> None:
    """The splitter alone takes over ten seconds for this: it is quadratic in what it is given."""
    read = document("x" * 1_000_000, format_name=format_name)
    begin = time.process_time()
    assert Chunker(USUAL).plan(read).count < 3000
    assert time.process_time() - begin < 3


def test_gaps_wider_than_any_chunk_are_left_out() -> None:
    """White space is nobody's, however much of it there is."""
    gap = "\n" * 10_000
    read = document(f"one{gap}two{gap}# three{gap}{sentences('ship', 20)}")
    found = texts(Chunker(USUAL).plan(read))
    assert found[:3] == ["one", "two", "# three"]
    assert all(len(each) <= USUAL.size for each in found)


@pytest.mark.parametrize(
    ("text", "size", "overlap"),
    [("<pre\n \n *\n-", 4, 1), (" \x0c# ff\nx", 7, 6), ("\u2028\n b\na", 4, 3)],
)
def test_texts_that_the_splitter_panicked_on_are_split(text: str, size: int, overlap: int) -> None:
    """With its own trimming semantic-text-splitter 0.33 fails on these."""
    plan = Chunker(ChunkingSettings(size, overlap)).plan(document(f"{text}\n\n{text}"))
    assert "".join("".join(texts(plan)).split())
