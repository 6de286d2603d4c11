# ruff: noqa: E501 - an element of XML a line; signs that look like letters
"""Presentations: what is on each slide, in order, with its notes."""

from __future__ import annotations

import pytest

from tests.support.office_files import SLIDES_HEAD, slide_file, zip_file
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.registry import ParsedDocument
from waypoint.models import Place


def run(text: str, look: str = "", inner: str = "") -> str:
    return f"<a:r><a:rPr {look}>{inner}</a:rPr><a:t>{text}</a:t></a:r>"


def paragraph(content: str, look: str = "", inner: str = "") -> str:
    return f"<a:p><a:pPr {look}>{inner}</a:pPr>{content}</a:p>"


def box(*paragraphs: str, kind: str | None = None) -> str:
    place = "" if kind is None else f'<p:ph type="{kind}"/>'
    shown = "".join(
        each if each.startswith("<a:p>") else paragraph(run(each)) for each in paragraphs
    )
    return f"<p:sp><p:nvSpPr><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{shown}</p:txBody></p:sp>"


def read(*slides: str, related: dict[str, tuple[str, str]] | None = None) -> ParsedDocument:
    parsed = read_one("a.pptx", slide_file(*slides, related=related))
    assert_sound(parsed)
    return parsed


def test_a_slide_is_a_page_with_its_title_as_heading() -> None:
    """Its number is in the metadata; a hidden one is told, and counted all the same."""
    parsed = read(
        box("Harbour dues", kind="title") + box("Who pays", "What it costs", kind="body"),
        "<!--hidden-->" + box("Secret"),
        box("Closing"),
    )
    assert parsed.text == (
        "## Harbour dues\n\n- Who pays\n- What it costs\n\n## Slide 3\n\nClosing"
    )
    third = parsed.text.index("## Slide 3")
    assert parsed.places == (Place(0, "slide", 1), Place(third, "slide", 3))
    assert parsed.pages[-1] == third
    assert parsed.warnings == ("hidden slides left out: slide 2",)


def test_notes_stand_behind_the_slide() -> None:
    """The words of who speaks, without the number of the slide."""
    notes = box("Say hello.", "Then wait.", kind="body") + box("7", kind="sldNum")
    parsed = read(box("Dues", kind="title"), related={"notes": ("notesSlide", notes)})
    assert parsed.text == "## Dues\n\nNotes: Say hello.\nThen wait."


TABLE = "<p:graphicFrame><a:tbl>{}</a:tbl></p:graphicFrame>"
CELL = "<a:tc><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
SHOWN = {
    "a power": (box(paragraph(run("10") + run("6", 'baseline="30000"') + run(" m"))), "10^6 m"),
    "an index": (box(paragraph(run("H") + run("2", 'baseline="-25000"') + run("O"))), "H2O"),
    "a break": (box(paragraph(run("one") + "<a:br/>" + run("two"))), "one\ntwo"),
    "numbers": (
        box(*(paragraph(run(each), "", '<a:buAutoNum type="arabicPeriod" startAt="3"/>') for each in "ab")),
        "3. a\n4. b",
    ),
    "letters": (
        box(*(paragraph(run(each), "", '<a:buAutoNum type="alphaLcParenBoth"/>') for each in "xy")),
        "(a) x\n(b) y",
    ),
    "bullets of its own": (box(paragraph(run("a"), 'lvl="1"', '<a:buChar char="•"/>')), "  - a"),
    "a group": (f"<p:grpSp><p:grpSp>{box('deep')}</p:grpSp></p:grpSp>", "deep"),
    "a table": (
        box("Before") + TABLE.format(f"<a:tr>{CELL.format('a')}{CELL.format('b|c')}</a:tr>") + box("After"),
        "Before\n\n| a | b\\|c |\n| --- | --- |\n\nAfter",
    ),
    "an equation": (
        box(paragraph("<mc:AlternateContent><mc:Choice><a14:m xmlns:a14='x'><m:oMath><m:r><m:t>E=mc</m:t></m:r></m:oMath></a14:m></mc:Choice><mc:Fallback><a:r><a:t> </a:t></a:r></mc:Fallback></mc:AlternateContent>")),
        "E=mc",
    ),
    "a sign": (box(paragraph(run("\uf0fc done", "", '<a:sym typeface="Wingdings"/>'))), "✓ done"),
    "letters beside a font for signs": (
        box(paragraph(run("plain", "", '<a:sym typeface="Wingdings"/>'))), "plain",
    ),
    "a footer": (box("text") + box("Port of Sund", kind="ftr") + box("4", kind="sldNum"), "text\n\nPort of Sund"),
}  # fmt: skip


@pytest.mark.parametrize(("tree", "text"), SHOWN.values(), ids=SHOWN)
def test_what_a_slide_shows(tree: str, text: str) -> None:
    """Without a warning, since nothing is lost."""
    parsed = read(tree)
    assert (parsed.text.removeprefix("## Slide 1\n\n"), parsed.warnings) == (text, ())


def test_charts_are_tables() -> None:
    """Of their categories and series, below their title."""
    series = '<c:ser><c:tx><c:v>Sales</c:v></c:tx><c:cat><c:pt idx="0"><c:v>East</c:v></c:pt></c:cat><c:val><c:pt idx="0"><c:v>19.2</c:v></c:pt></c:val></c:ser>'
    frame = '<p:graphicFrame><c:chart r:id="chart"/></p:graphicFrame>'
    parsed = read(
        frame, related={"chart": ("chart", f"<c:title><a:t>Dues</a:t></c:title>{series}")}
    )
    assert parsed.text == "## Slide 1\n\nDues\n\n|  | Sales |\n| --- | --- |\n| East | 19.2 |"


LARGE = '<p:pic><p:spPr><a:xfrm><a:ext cx="5400000" cy="3600000"/></a:xfrm></p:spPr></p:pic>'
SMALL = '<p:pic><p:spPr><a:xfrm><a:ext cx="540000" cy="360000"/></a:xfrm></p:spPr></p:pic>'


def test_what_is_lost_is_told_with_its_slide() -> None:
    """Large images, embedded objects, films; a logo is nothing."""
    parsed = read(
        box("a") + SMALL + LARGE,
        box("b") + LARGE + '<p:graphicFrame><p:oleObj progId="Excel"/></p:graphicFrame>',
        box("c") + "<p:pic><a:videoFile/></p:pic>",
        box("d") + '<p:graphicFrame><c:chart r:id="none"/></p:graphicFrame>',
    )
    assert parsed.warnings == (
        "images not read: slides 1 to 2",
        "embedded objects not read: slide 2",
        "videos and sounds not read: slide 3",
        "charts and diagrams not read: slide 4",
    )


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (slide_file(LARGE, LARGE), "no text in it: images not read: slides 1 to 2"),
        (slide_file("<p:sp"), "damaged"),
        (slide_file("<p:grpSp>" * 5_000 + "</p:grpSp>" * 5_000), "nested too deeply"),
        (zip_file({"_rels/.rels": SLIDES_HEAD}), "damaged"),
        (zip_file({"_rels/.rels": SLIDES_HEAD, "ppt/presentation.xml": BOMB.encode() + b"<x/>"}), "document type"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "password"),
    ],
)  # fmt: skip
def test_damaged_and_hostile_presentations_are_rejects(data: bytes, reason: str) -> None:
    """Each for its own reason."""
    assert reason in reject_of("a.pptx", data).reason
