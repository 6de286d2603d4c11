"""``python -m waypoint inspect``: a file as Waypoint sees it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.support.command import Outcome, Workspace
from tests.support.office_files import pdf_file
from tests.support.pdf_files import IMAGE, drawn_pdf, field, placed

MODULE = ("-m", "waypoint", "inspect")
GUIDE = "---\ntitle: Guide\nlang: en\n---\n# Dome\n\n## Closing\n\n" + "Turn the key slowly. " * 20
GERMAN = "\n\nBitte schließen Sie die Tür, bevor größere Gruppen die Kuppel öffnen.\n"


def inspect(folder: Path, *arguments: str) -> Outcome:
    return Workspace(folder).run(*arguments, entry=MODULE)


def test_a_document_is_shown_with_its_chunks(tmp_path: Path) -> None:
    """Reader, metadata, warnings, and each chunk's span, heading and text."""
    (tmp_path / "guide.md").write_bytes((GUIDE + GERMAN).encode("cp1252"))
    outcome = inspect(tmp_path, "guide.md", "--chunk-size", "300", "--chunk-overlap", "0")
    assert (outcome.code, outcome.stderr) == (0, "")
    shown = outcome.stdout
    for expected in ("guide.md  markdown", "title: Guide", "encoding: cp1252", "language: en"):
        assert expected in shown
    assert "warning: read as cp1252" in shown
    assert "── chunk 0 · 0 to " in shown
    assert "Closing" in shown.split("── chunk 1")[1].split("\n")[0]
    assert shown.count("── chunk") >= 2
    assert "\x1b" not in shown


def test_json_tells_the_same_and_more(tmp_path: Path) -> None:
    """The chunks are those of the text, with all that is stored of them."""
    (tmp_path / "a.pdf").write_bytes(pdf_file(["First page.", "Second page."]))
    outcome = inspect(tmp_path, "a.pdf", "--json")
    assert (outcome.code, outcome.stderr) == (0, "")
    told = orjson.loads(outcome.stdout)
    (document,) = told["documents"]
    assert (document["format"], document["pages"]) == ("pdf", [0, 13])
    (chunk,) = document["chunks"]
    assert chunk["text"] == "First page.\n\nSecond page."
    assert chunk["metadata"]["char_end"] == document["characters"] == 25


def test_what_a_pdf_lost_is_told_and_what_was_typed_is_shown(tmp_path: Path) -> None:
    """Cells stay apart, a form's value is in the text, and pages that are images are named."""
    page = placed((60, 700, "Rope"), (150, 700, "40"), (170, 700, "5"), (60, 600, "Vessel:"))
    typed = field("Tx", (150, 595, 300, 612), value="MS Ostara")
    (tmp_path / "a.pdf").write_bytes(drawn_pdf(page, IMAGE, IMAGE, fields=[typed]))
    outcome = inspect(tmp_path, "a.pdf")
    assert outcome.code == 0
    assert "Rope 40 5\n" in outcome.stdout
    assert "Vessel: MS Ostara" in outcome.stdout
    assert "warning: images without text (--ocr auto" in outcome.stdout
    assert "reads them): pages 2 to 3" in outcome.stdout


def test_a_file_of_records_is_several_documents(tmp_path: Path) -> None:
    """And what would command the terminal is shown, not sent."""
    (tmp_path / "a.jsonl").write_text('{"id": "x", "note": "red \\u001b[31m"}\n{"note": "two"}\n')
    shown = inspect(tmp_path, "a.jsonl").stdout
    assert "a.jsonl#x  jsonl" in shown
    assert "a.jsonl#2  jsonl" in shown
    assert "note: red \\x1b[31m" in shown
    named = inspect(tmp_path, "a.jsonl", "--json", "--json-text-field", "note").stdout
    assert orjson.loads(named)["documents"][1]["chunks"][0]["text"] == "two"


def test_a_record_that_is_rejected_is_shown_among_the_others(tmp_path: Path) -> None:
    """With its reason and its way out, and exit code 1."""
    (tmp_path / "a.jsonl").write_text('{"note": "one"}\n{"note": \n{"note": "three"}\n')
    shown = inspect(tmp_path, "a.jsonl")
    assert shown.code == 1
    places = [shown.stdout.index(f"a.jsonl#{number}") for number in (1, 2, 3)]
    assert places == sorted(places)
    reject = shown.stdout[places[1] : places[2]]
    assert "rejected" in reject
    assert "reason: not JSON: Expecting value" in reject
    assert "hint: correct the line" in reject
    as_json = inspect(tmp_path, "a.jsonl", "--json")
    assert as_json.code == 1
    told = orjson.loads(as_json.stdout)
    assert [each["source"] for each in told["documents"]] == ["a.jsonl#1", "a.jsonl#3"]
    assert [each["source"] for each in told["rejects"]] == ["a.jsonl#2"]


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_reject_is_told_with_its_hint(tmp_path: Path, option: tuple[str, ...]) -> None:
    """With exit code 1, without a traceback."""
    (tmp_path / "scan.pdf").write_bytes(pdf_file([""]))
    outcome = inspect(tmp_path, "scan.pdf", *option)
    assert outcome.code == 1
    assert "no text in its 1 pages" in outcome.stderr
    assert "ocrmypdf" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    if option:
        assert orjson.loads(outcome.stdout)["reason"].startswith("no text in its 1 pages")


def test_what_cannot_be_inspected_is_named(tmp_path: Path) -> None:
    """No such file is wrong usage; a file of no format is a reject."""
    (tmp_path / "a.xyz").write_text("text")
    missing = inspect(tmp_path, "none.md")
    assert (missing.code, missing.stdout) == (2, "")
    assert "'none.md' cannot be read: No such file or directory" in missing.stderr
    unknown = inspect(tmp_path, "a.xyz")
    assert unknown.code == 1
    assert "no reader for .xyz" in unknown.stderr
