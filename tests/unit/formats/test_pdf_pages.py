"""PDF pages as someone reads them: kept in reading order, or told."""

from __future__ import annotations

import random

import pytest

from tests.support.pdf_files import IMAGE, annotation, drawn_pdf, field, placed, turned
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.registry import ParsedDocument

BODY = "The pilot boards at the outer buoy and stays aboard until the vessel is moored."


def read(data: bytes) -> ParsedDocument:
    document = read_one("a.pdf", data)
    assert_sound(document)
    return document


def lines(*texts: str, top: float = 800, left: float = 50) -> list[tuple[float, float, str]]:
    return [(left, top - 16 * number, text) for number, text in enumerate(texts)]


# Cells

TABLE = (("Part", "Price", "Stock"), ("Rope", "40", "5"), ("Hook", "0", "0"), ("Oar", "11", "7"))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("order", ["by rows", "by columns", "backwards"])
def test_cells_stay_apart_however_the_table_is_drawn(rotation: int, order: str) -> None:
    """Single digits beside each other, on turned pages too: no cell becomes another number."""
    cells = [
        (60 + 90 * column, 560 - 16 * row, text)
        for row, texts in enumerate(TABLE)
        for column, text in enumerate(texts)
    ]
    if order == "by columns":
        cells.sort(key=lambda cell: cell[0])
    if order == "backwards":
        cells.reverse()
    text = read(drawn_pdf(turned(rotation, placed(*cells)), rotate=rotation)).text
    rows = [" ".join(row) for row in TABLE]
    if order == "by columns":
        assert text.split() == [text for column in zip(*TABLE, strict=True) for text in column]
    else:
        assert text == "\n".join(rows)


def test_a_cell_of_one_digit_close_behind_another_stays_a_cell() -> None:
    """Half a digit's width apart, drawn one by one."""
    text = read(
        drawn_pdf(placed((60, 700, "40"), (78, 700, "5"), (60, 680, "118"), (85, 680, "7")))
    ).text
    assert text == "40 5\n118 7"


def test_what_is_drawn_beside_the_page_is_not_read() -> None:
    """A printer's marks, and what was moved out of sight."""
    assert (
        read(drawn_pdf(placed((60, 700, "seen"), (60, 900, "above"), (-300, 700, "left")))).text
        == "seen"
    )


# Reading order

LEFT = (
    "Berths are given by the length of",
    "a vessel. Those over ninety metres",
    "need the outer quay, where the tide",
    "runs at four knots at springs and",
    "the depth is eleven metres at all",
    "states of it, as the chart says.",
)
RIGHT = (
    "Fog signals are given by every boat",
    "that is under way. A bell is rung at",
    "the mole for five seconds in each",
    "minute. The light is shown from dusk",
    "to dawn and whenever the horn is in",
    "use, also by day and in rain.",
)
ONE, OTHER = lines(*LEFT, top=700), lines(*RIGHT, top=700, left=310)
HEAD = (50.0, 790.0, "Harbour rules of Sund, their second part, with a head over both columns")
FOOT = (50.0, 40.0, "page 7 of the rules, printed by the harbour office of Sund in two columns")


@pytest.mark.parametrize(
    "drawn",
    [
        [HEAD, *ONE, *OTHER, FOOT],
        [FOOT, HEAD, *ONE, *OTHER],
        [*ONE, *OTHER, FOOT, HEAD],
        [HEAD, *(each for pair in zip(ONE, OTHER, strict=True) for each in pair), FOOT],
        [FOOT, *reversed([each for pair in zip(ONE, OTHER, strict=True) for each in pair]), HEAD],
        [HEAD, FOOT, *OTHER, *ONE],
    ],
    ids=["as read", "foot first", "head last", "line by line", "backwards", "right first"],
)
def test_columns_are_read_one_after_the_other(drawn: list[tuple[float, float, str]]) -> None:
    """Whatever is drawn first: head, left column, right column, foot."""
    text = read(drawn_pdf(placed(*drawn))).text
    assert " ".join(text.split()) == " ".join((HEAD[2], *LEFT, *RIGHT, FOOT[2]))


def test_words_that_are_drawn_in_any_order_are_read_in_theirs() -> None:
    """Some programs draw the bold ones last; here, chance."""
    words = [
        (50 + 60 * column, 700 - 16 * row, f"w{row}{column}x")
        for row in range(6)
        for column in range(5)
    ]
    expected = "\n".join(" ".join(f"w{row}{column}x" for column in range(5)) for row in range(6))
    draw = random.Random(4)
    for _ in range(5):
        draw.shuffle(words)
        assert read(drawn_pdf(placed(*words))).text == expected


def test_text_of_another_direction_does_not_run_into_the_lines() -> None:
    """A stamp at the side, and a watermark across the page."""
    stamp = b"BT /F1 10 Tf 0 1 -1 0 30 300 Tm (registered at Sund) Tj ET"
    mark = b"BT /F1 40 Tf 0.7 0.7 -0.7 0.7 150 500 Tm (DRAFT) Tj ET"
    text = read(drawn_pdf(b"\n".join([stamp, mark, placed(*lines(*LEFT, *RIGHT))]))).text
    assert text.startswith("\n".join((*LEFT, *RIGHT)))
    assert text[len("\n".join((*LEFT, *RIGHT))) :].split("\n\n")[1:] == [
        "registered at Sund",
        "DRAFT",
    ]


@pytest.mark.parametrize("matrix", ["1e38 0 0 1e38", "0 0 0 0", "1e-30 0 0 1e-30", "1e9 0 0 1"])
def test_text_of_no_or_of_endless_size_costs_only_itself(matrix: str) -> None:
    """What a file may say of places and sizes."""
    words = placed((60, 700, "Rope 12"), (150, 700, "5"))
    content = f"q {matrix} 0 0 cm ".encode() + words + b" Q " + placed((60, 600, "still here"))
    assert "still here" in read(drawn_pdf(content)).text


# Hyphens and raised numbers


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("the har-", "bour master", "the harbour master"),
        ("type ABC-", "123 is old", "type ABC-123 is old"),
        ("the years 2024-", "2026 were", "the years 2024-2026 were"),
        ("the Baltic-", "Sea line", "the Baltic-Sea line"),
        ("an e-", "mail came", "an e-mail came"),
        ("a well-", "known one", "a well-known one"),
        ("state-of-the-", "art gear", "state-of-the-art gear"),
        ("it went down -", "then up", "it went down -\nthen up"),
    ],
)
def test_a_hyphen_at_a_line_s_end_is_a_division_s_or_a_compound_s(
    first: str, second: str, expected: str
) -> None:
    """Before a digit or a capital it divides no word."""
    assert read(drawn_pdf(placed(*lines(first, second)))).text == expected


@pytest.mark.parametrize(
    ("base", "raised", "expected"),
    [
        ("E = mc", "2", "E = mc^2"),
        ("10", "-6", "10^-6"),
        ("about 10", "3", "about 10^3"),
        ("the 1", "st", "the 1st"),
    ],
)
def test_an_exponent_makes_no_other_number(base: str, raised: str, expected: str) -> None:
    """A raised number gets a sign; what is raised by custom does not."""
    content = (
        f"BT /F1 12 Tf 50 700 Td ({base}) Tj 5 Ts /F1 7 Tf ({raised}) Tj 0 Ts /F1 12 Tf ( m) Tj ET"
    )
    assert read(drawn_pdf(content.encode())).text == f"{expected} m"


# Characters without meaning


@pytest.mark.parametrize(
    ("code", "unicode"), [("\xb6", "\0"), ("\xb6", "\ue123"), ("\xb6", "\ufffd")]
)
def test_characters_without_meaning_are_told_by_page(code: str, unicode: str) -> None:
    """A ligature whose font says nothing of it: its place is seen in the text."""
    data = drawn_pdf(
        placed(*lines(BODY)),
        placed(*lines(f"the situa{code}on of the first sta{code}on")),
        unicode={code: unicode},
    )
    document = read(data)
    assert document.warnings == ("characters that have no meaning outside their fonts: page 2",)
    assert "situaon" not in document.text


def test_a_text_of_characters_without_meaning_is_a_reject() -> None:
    """Nobody could find it."""
    codes = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "\ue000")
    error = reject_of("a.pdf", drawn_pdf(placed(*lines(BODY)), unicode=codes))
    assert "no meaning outside their fonts" in error.reason
    assert "--force-ocr" in error.hint


# Images in the place of text


def test_pages_that_are_images_are_named() -> None:
    """Also one that bears a number; an empty page has lost nothing."""
    data = drawn_pdf(
        placed(*lines(BODY)), IMAGE, b"", IMAGE + b"\n" + placed((50, 30, "page 4")), IMAGE
    )
    document = read(data)
    (warning,) = document.warnings
    assert warning.startswith("images without text (")
    assert warning.endswith(": pages 2, 4 to 5")
    assert len(document.pages) == 5


def test_an_image_beside_text_and_a_scan_with_its_text_are_no_loss() -> None:
    """A picture in a text, and the text layer that recognition has put below an image."""
    picture = b"q 100 0 0 100 50 100 cm /Im1 Do Q\n" + placed(*lines(BODY))
    layer = IMAGE + b"\nBT 3 Tr /F1 11 Tf 50 700 Td (" + BODY.encode() * 2 + b") Tj ET"
    assert read(drawn_pdf(picture, layer)).warnings == ()


def test_scans_with_stamps_only_are_a_reject() -> None:
    """What a scanner's program puts on each page is not the document."""
    page = IMAGE + b"\n" + placed((50, 30, "Scanned by a phone"))
    error = reject_of("a.pdf", drawn_pdf(page, page, IMAGE))
    assert error.reason == "hardly any text: 3 of its 3 pages are images"
    assert "ocrmypdf" in error.hint


def test_scans_with_a_court_s_stamp_are_a_reject_and_slides_with_a_background_are_not() -> None:
    """The stamp is the same on all pages but for numbers; a slide's few words are its text."""
    stamp = "Case 1:20-cv-01234-ABC Document 12-3 Filed 01/02/20 Page {} of 3"
    scans = [IMAGE + b"\n" + placed((50, 820, stamp.format(each))) for each in (1, 2, 3)]
    assert "3 of its 3 pages" in reject_of("a.pdf", drawn_pdf(*scans)).reason
    words = ("Why quays need outer berths", "Depth at springs: 11 m", "Costs by metre and by day")
    slides = [IMAGE + b"\n" + placed((50, 500, each)) for each in words]
    assert read(drawn_pdf(*slides)).text == "\n\n".join(words)


def test_a_drawing_without_text_is_told() -> None:
    """Letters that are drawn as curves."""
    curves = b"\n".join(b"%d 100 m %d 140 l S" % (each, each) for each in range(50, 300, 5))
    assert read(drawn_pdf(placed(*lines(BODY)), curves)).warnings == (
        "drawings without text (--ocr auto with waypoint[ocr] and tesseract reads them): page 2",
    )


# Forms, annotations, embedded files


def test_the_values_of_fields_stand_behind_their_names() -> None:
    """Of text, several lines, a choice and boxes; not a password, nor what is hidden."""
    names = lines(
        "Applicant:", "Vessel:", "Cargo:", "Secret:", "Dangerous:", "Pilot wanted:", top=700
    )
    remarks = (50.0, 590.0, "Remarks:")
    boxes = [(150, 695 - 16 * row, 300, 709 - 16 * row) for row in range(6)]
    document = read(
        drawn_pdf(
            placed(*names, remarks),
            fields=[
                field("Tx", boxes[0], value="Sund Shipping Ltd"),
                field("Tx", boxes[1], value="MS Ostara"),
                field("Ch", boxes[2], value="timber", flags=1 << 17),
                field("Tx", boxes[3], value="hunter2", flags=1 << 13),
                field("Btn", boxes[4], value="Yes"),
                field("Btn", boxes[5], value="Off"),
                field("Tx", (150, 550, 400, 600), value="Two tugs.\nNo night work.", flags=1 << 12),
                field("Tx", (150, 300, 400, 320), value="unseen", hidden=True),
            ],
        )
    )
    assert " ".join(document.text.split()) == (
        "Applicant: Sund Shipping Ltd Vessel: MS Ostara Cargo: timber Secret: Dangerous: [x] "
        "Pilot wanted: [ ] Remarks: Two tugs. No night work."
    )


def test_typed_notes_are_read_and_comments_told() -> None:
    """A text box is seen on the page; a comment opens when it is pointed at."""
    document = read(
        drawn_pdf(
            placed((50, 700, "Signed:"), (50, 600, "Below.")),
            annotations=[
                annotation("FreeText", (150, 695, 300, 712), contents="A. Quill, pilot"),
                annotation("Text", (400, 700, 420, 720), contents="is this so?"),
            ],
        )
    )
    assert " ".join(document.text.split()) == "Signed: A. Quill, pilot Below."
    assert document.warnings == ("comments not read: page 1",)


@pytest.mark.parametrize(
    "text", ["Please wait...", "Bitte warten, bis das Dokument geladen ist", ""]
)
def test_a_form_whose_pages_are_in_xml_is_a_reject(text: str) -> None:
    """Its only page asks to wait, in whatever language."""
    error = reject_of("a.pdf", drawn_pdf(placed((50, 700, text)) if text else b"", xfa="dynamic"))
    assert "XFA" in error.reason
    assert "print it to a PDF" in error.hint


def test_a_form_with_pages_beside_its_xml_is_read_and_told() -> None:
    """Static forms have pages and fields as all others do."""
    document = read(
        drawn_pdf(
            placed((50, 700, "Vessel:")),
            xfa="static",
            fields=[field("Tx", (150, 695, 300, 712), value="MS Ostara")],
        )
    )
    assert document.text == "Vessel: MS Ostara"
    assert document.warnings == ("XFA forms of which only the pages are read: 1",)


def test_a_portfolio_is_read_by_its_files() -> None:
    """In the place of the cover, which only names viewers; what is no PDF is told."""
    cover = placed((50, 700, "For the best experience, open this PDF portfolio in Acrobat."))
    inner = {
        "a.pdf": drawn_pdf(placed(*lines("The first file."))),
        "b.pdf": drawn_pdf(placed(*lines("The second."))),
    }
    document = read(drawn_pdf(cover, files={**inner, "c.xls": b"no PDF"}))
    assert document.text == "The first file.\n\nThe second."
    assert document.warnings == (
        "cover of a portfolio left out: page 1",
        "embedded files not read: 1",
    )
    error = reject_of("a.pdf", drawn_pdf(cover, files={"c.xls": b"no PDF"}))
    assert "portfolio" in error.reason


def test_files_that_are_embedded_are_told() -> None:
    """An invoice's XML."""
    document = read(drawn_pdf(placed(*lines(BODY)), files={"a.xml": b"<a/>", "b.xml": b"<b/>"}))
    assert document.text == BODY
    assert document.warnings == ("embedded files not read: 2",)
