"""Text recognition: which pages are given to it, and what comes of its faults."""

from __future__ import annotations

import stat
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.support.pdf_files import drawn_pdf, placed
from tests.support.reading import read_one, reject_of
from tests.support.scans import as_bytes, engine_says, needs_tesseract, pdf_of, scan
from waypoint.errors import UsageError
from waypoint.formats.images.ocr import MOST_PAGES, require_engine
from waypoint.formats.registry import ReaderOptions, default_registry

TEXT = "The words of this page are text as they are, more than a hundred characters of them, so "
TEXT += "that nobody takes it for a scan with a stamp."


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in tesseract's place, that says what the test writes into it."""
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()

    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    say(program, engine_says("recognised", "words"))
    return program


def say(program: Path, script: str) -> None:
    listed = "List of available languages (2):\\neng\\nosd\\n"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --list-langs ]; then printf "{listed}"; exit; fi\n{script}\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_only_pages_without_text_are_recognised_and_marked(engine: Path) -> None:
    data = pdf_of(TEXT, scan("a"), scan("b"), TEXT)
    document = read_one("a.pdf", data, ocr="auto")
    assert document.text.count("recognised words") == 2
    assert document.text.count(TEXT) == 2
    marks = [(place.start, place.value) for place in document.places]
    assert marks == [(document.pages[1], True), (document.pages[3], False)]
    assert document.warnings == ()
    forced = read_one("a.pdf", data, ocr="force")
    assert forced.text.count("recognised words") == 4
    assert [place.value for place in forced.places] == [True]


def test_without_ocr_the_warning_says_how_to_get_it() -> None:
    (warning,) = read_one("a.pdf", pdf_of(TEXT, scan("a"))).warnings
    assert warning.startswith("images without text")
    assert "--ocr auto" in warning
    assert "waypoint[ocr]" in warning
    assert warning.endswith("page 2")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("cat >/dev/null; exit 1", "images that OCR failed on"),
        ("kill -SEGV $$", "images that OCR failed on"),
        ("kill -KILL $$", "images that OCR failed on"),
        ("cat >/dev/null; echo", "images in which OCR found no text"),
        ("exec sleep 60", "images that took OCR too long"),
    ],
)
def test_a_page_that_fails_is_a_warning(
    engine: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    monkeypatch.setattr("waypoint.formats.images.ocr.PAGE_TIMEOUT", 0.2)
    say(engine, script)
    document = read_one("a.pdf", pdf_of(TEXT, scan("a")), ocr="auto")
    assert document.text == TEXT
    assert document.warnings == (f"{told}: page 2",)
    assert told in reject_of("a.pdf", pdf_of(scan("a")), ocr="auto").reason
    assert told in reject_of("a.png", as_bytes(scan("a"), "PNG"), ocr="auto").reason


def test_what_is_seen_in_photographs_is_no_text(engine: Path) -> None:
    """Words that the engine isn't sure of, on average; a word among others that are is kept."""
    say(engine, engine_says("FE", "W4S", "=", certainty=32))
    document = read_one("a.pdf", pdf_of(TEXT, scan("a")), ocr="auto")
    told = "images in which OCR is sure of hardly a word"
    assert (document.text, document.warnings) == (TEXT, (f"{told}: page 2",))
    assert told in reject_of("a.jpg", as_bytes(scan("a"), "JPEG"), ocr="auto").reason
    assert read_one("a.pdf", pdf_of(TEXT), ocr="force").text == TEXT


def test_lines_and_paragraphs_are_those_of_the_engine(engine: Path) -> None:
    """A row of its table is a word; those without a word are of lines, blocks and the page."""
    rows = ["1 0 0 0 0", "5 1 1 1 1 Two", "5 1 1 1 2 words", "5 1 1 2 1 next", "5 1 2 1 1 new"]
    rows += ["2 2 0 0 0", "5 2 1 1 1 block"]
    lines = []
    for row in rows:
        level, block, paragraph, line, _, *word = row.split()
        place = "\\t".join([level, "1", block, paragraph, line])
        lines.append(f"{place}\\t1\\t0\\t0\\t9\\t9\\t96\\t{''.join(word)}\\n")
    say(engine, f"cat >/dev/null; printf 'level\\n{''.join(lines)}'")
    text = read_one("a.png", as_bytes(scan("a"), "PNG"), ocr="auto").text
    assert text == "Two words\nnext\n\nnew\n\nblock"


def test_what_the_time_does_not_suffice_for_is_named(engine: Path) -> None:
    data = pdf_of(TEXT, scan("a"), scan("b"))
    document = read_one("a.pdf", data, ocr="auto", ocr_timeout=0.0)
    assert document.warnings == ("images not read within --ocr-timeout: pages 2 to 3",)


def test_pages_are_only_counted_for_a_plan(engine: Path) -> None:
    say(engine, "exit 1")
    data = pdf_of(TEXT, scan("a"), scan("b"))
    assert read_one("a.pdf", data, ocr="auto", ocr_counts=True).to_recognise == 2
    image = read_one("a.tif", as_bytes(scan("a"), "TIFF", [scan("b")]), ocr="auto", ocr_counts=True)
    assert image.to_recognise == 2


def test_a_plan_counts_what_a_run_would_try(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No blank pages, and no more than are tried; with ``force``, pages that have text as well."""
    blank = drawn_pdf(b"", placed((50, 700, TEXT)), b"")
    for data, mode, pages in (
        (pdf_of(TEXT, scan("a"), TEXT), "auto", 1),
        (pdf_of(TEXT, scan("a"), TEXT), "force", 3),
        (blank, "force", 1),
        (pdf_of(*[scan("a")] * 6), "auto", 4),
    ):
        with monkeypatch.context() as patched:
            patched.setattr("waypoint.formats.images.ocr.MOST_PAGES", 4)
            assert read_one("a.pdf", data, ocr=mode, ocr_counts=True).to_recognise == pages
            document = read_one("a.pdf", data, ocr=mode)
            assert document.text.count("recognised words") == pages
            told = ("images not read, after 4 others: pages 5 to 6",) if pages == 4 else ()
            assert document.warnings == told


def test_a_portfolio_of_scans_is_recognised_or_told(engine: Path) -> None:
    """By the pages that its files have in the whole; its cover is not among them."""
    cover = placed((50, 700, "For the best experience, open this PDF portfolio in Acrobat."))
    files = {"a.pdf": pdf_of(TEXT, scan("a")), "b.pdf": pdf_of(scan("b"))}
    data = drawn_pdf(cover, files=files)
    warnings = read_one("a.pdf", data).warnings
    assert any(
        each.startswith("images without text") and "pages 3 to 4" in each for each in warnings
    )
    read = read_one("a.pdf", data, ocr="force")
    assert read.text.count("recognised words") == 3
    assert [(place.start, place.value) for place in read.places] == [(0, True)]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_images_are_documents(engine: Path, form: str) -> None:
    document = read_one(f"a.{form.lower()}", as_bytes(scan("a"), form), ocr="auto")
    assert (document.text, document.pages) == ("recognised words", (0,))
    assert [(place.name, place.value) for place in document.places] == [("ocr", True)]


def test_a_frame_of_a_tiff_is_a_page(engine: Path) -> None:
    data = as_bytes(scan("a"), "TIFF", [scan("b"), scan("c")])
    assert len(read_one("a.tif", data, ocr="auto").pages) == 3


def test_frames_before_a_damaged_one_are_kept(engine: Path) -> None:
    """Also where the rest of the file is missing, so that their number can't be known."""
    whole = as_bytes(scan("a"), "TIFF", [scan("b"), scan("c")])
    for share, kept in ((0.5, 1), (0.6, 1), (0.8, 2)):
        cut = whole[: int(share * len(whole))]
        document = read_one("a.tif", cut, ocr="auto")
        assert document.text.count("recognised") == kept
        assert document.warnings == (f"damaged, not read, and what follows: page {kept + 1}",)
        assert read_one("a.tif", cut, ocr="auto", ocr_counts=True).to_recognise >= kept


def many_frames(number: int, *, round_again: bool) -> bytes:
    """A TIFF of so many frames of one pixel; the last one leads back to the first."""
    entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 4), (279, 1)]
    body = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries
    )
    size = len(body) + 4
    following = [8 + size * at for at in range(1, number)] + [8 if round_again else 0]
    return b"II*\0\x08\0\0\0" + b"".join(body + struct.pack("<I", each) for each in following)


def test_frames_are_not_counted_to_the_last(engine: Path) -> None:
    """Hundreds of thousands fit into a file, and they may lead round in a circle."""
    say(engine, "exit 1")
    document = read_one(
        "a.tif", many_frames(50_000, round_again=False), ocr="auto", ocr_counts=True
    )
    assert (document.to_recognise, document.warnings) == (
        MOST_PAGES, (f"pages after {MOST_PAGES:,} not read: 1",),
    )  # fmt: skip
    circle = read_one("a.tif", many_frames(3, round_again=True), ocr="auto", ocr_counts=True)
    assert circle.to_recognise == 3


def png_that_says(width: int, height: int) -> bytes:
    def part(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        png_that_says(60_000, 60_000),
        png_that_says(12_000, 12_000),
        png_that_says(2_000, 2_000),
        as_bytes(scan("a"), "TIFF")[:3_000],
        as_bytes(scan("a"), "JPEG")[:300],
        b"II*\x00\xff\xff\xff\xff",
        b"\x89PNG\r\n\x1a\n",
        b"",
    ],
    ids=["bomb", "large", "short", "cut-tiff", "cut-jpeg", "no-directory", "only-magic", "empty"],
)
def test_hostile_images_cost_themselves(engine: Path, data: bytes) -> None:
    error = reject_of("a.png", data, ocr="auto")
    assert error.hint


def test_modes_of_images(engine: Path) -> None:
    for mode in ("1", "P", "RGB", "RGBA", "LA", "I;16", "CMYK", "F"):
        image = scan("a").convert("L").convert("I").convert("I;16") if mode == "I;16" else None
        image = image or scan("a").convert(mode)
        form = "TIFF" if mode in ("I;16", "CMYK", "F") else "PNG"
        assert read_one("a.tif", as_bytes(image, form), ocr="auto").text == "recognised words"


def test_off_images_have_no_reader() -> None:
    assert not default_registry().supports("a.png")
    assert default_registry(ReaderOptions(ocr="auto")).supports("A.PNG")


def test_the_reader_of_a_document_says_whether_ocr_took_part() -> None:
    off, auto, force = (
        default_registry(ReaderOptions(ocr=ocr)) for ocr in ("off", "auto", "force")
    )
    (plain,) = off.readers_of("a.pdf")
    assert auto.readers_of("a.pdf") == (plain, f"{plain} ocr auto eng")
    assert force.readers_of("a.pdf") == (f"{plain} ocr force eng",)
    assert force.readers_of("a.md") == off.readers_of("a.md")


def test_what_is_missing_is_told_with_the_way_out(
    engine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require_engine(ReaderOptions(ocr="auto"))
    for wanted in ("xyz", "eng+xyz", "--help", "", "../eng"):
        with pytest.raises(UsageError, match="tesseract has eng"):
            require_engine(ReaderOptions(ocr="auto", ocr_languages=wanted))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="the program tesseract") as caught:
        require_engine(ReaderOptions(ocr="auto"))
    assert "--ocr off" in caught.value.hint
    monkeypatch.setattr("waypoint.formats.images.ocr.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pillow and the program tesseract"):
        require_engine(ReaderOptions(ocr="force"))


@needs_tesseract
def test_real_words_are_read() -> None:
    upright = scan("Maintenance of the pump", "Serial number 40719")
    for data, name in (
        (as_bytes(upright, "PNG"), "a.png"),
        (pdf_of(upright), "a.pdf"),
        (pdf_of(upright.rotate(1, fillcolor=245)), "a.pdf"),
    ):
        text = read_one(name, data, ocr="auto").text
        assert "Maintenance of the pump" in text
        assert "40719" in text
    turned = Image.Exif()
    turned[0x0112] = 6
    stored = upright.rotate(90, expand=True)
    sideways = BytesIO()
    stored.save(sideways, "JPEG", exif=turned)
    assert "Maintenance" in read_one("a.jpg", sideways.getvalue(), ocr="auto").text
