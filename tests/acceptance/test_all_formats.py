# ruff: noqa: E501 - an example a line
"""A folder with a file of each format, by the command: its texts, and where in a file they lie."""

from __future__ import annotations

from pathlib import Path

from tests.support.collection import read_embedded
from tests.support.command import Workspace
from tests.support.office_files import (
    book,
    cells,
    chapter,
    docx_file,
    sheet_file,
    slide_file,
    zip_file,
)
from tests.support.old_sheet import OLD_SHEET
from tests.support.open_files import document, p

BOX = "<p:sp><p:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp>"
SHEET = f'<table:table table:name="Dues"><table:table-row><table:table-cell>{p("per tonne")}</table:table-cell></table:table-row></table:table>'
FILES: dict[str, tuple[bytes, str, dict[str, str | int]]] = {
    "a.docx": (docx_file(), "After the table.", {"format": "docx"}),
    "b.pptx": (slide_file(BOX.format("one"), BOX.format("two")), "two", {"slide": 2, "page": 2}),
    "c.xlsx": (sheet_file({"Dues": cells(["berth", "fee"], ["a", 1.0])}), "fee: 1", {"sheet": "Dues"}),
    "d.xls": (OLD_SHEET, "Bolt, M8", {"sheet": "Costs"}),
    "e.odt": (document("text", p("of a text")), "of a text", {"format": "odt"}),
    "f.ods": (document("spreadsheet", SHEET), "per tonne", {"sheet": "Dues"}),
    "g.odp": (
        document("presentation", f"<draw:page><draw:custom-shape>{p('shown')}</draw:custom-shape></draw:page>"),
        "shown",
        {"slide": 1},
    ),
    "h.rtf": (rb"{\rtf1 10{\super 6} tonnes\par}", "10^6 tonnes", {"format": "rtf"}),
    "i.epub": (book(chapter("<h1>Ebb</h1><p>Out it goes.</p>")), "Out it goes.", {"author": "Ada, Bo"}),
    "j.eml": (b"From: ada@sund.example\nSubject: Dues\n\nPay.", "Pay.", {"from": "ada@sund.example"}),
    "k.ipynb": (b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}', "x = 1", {"format": "notebook"}),
    "l.vtt": (b"WEBVTT\n\n01:02:03.000 --> 01:02:05.000\nCast off.\n", "Cast off.", {"time": "01:02:03"}),
    "m.srt": (b"1\n00:00:09,000 --> 00:00:10,000\nAll gone.\n", "All gone.", {"time": "00:00:09"}),
}  # fmt: skip
HOSTILE = {
    "far.xlsx": sheet_file({"S": cells(["a"]) + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'}),
    "entity.odt": document("text", "", more={"content.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}),
    "bomb.pptx": zip_file({"ppt/presentation.xml": b" " * 70_000_000}),
    "deep.docx": zip_file({"word/document.xml": b"<a>" * 200_000}),
    "cut.xls": OLD_SHEET[:700],
}  # fmt: skip


def test_every_format_is_read_and_no_hostile_file_harms_another(tmp_path: Path) -> None:
    """Slides, sheets and times are in the metadata; what is hostile is a reject by name."""
    workspace = Workspace(tmp_path)
    for name, (data, _, _) in FILES.items():
        (workspace.knowledge_base / name).write_bytes(data)
    for name, data in HOSTILE.items():
        (workspace.knowledge_base / name).write_bytes(data)
    outcome = workspace.run("--simulate", "--json")
    assert outcome.code == 1, outcome.stderr
    assert {reject["source"] for reject in outcome.report["rejects"]} == set(HOSTILE)
    assert outcome.report["documents"]["ingested"] == len(FILES)
    stored = read_embedded(workspace.store, workspace.logs)
    for name, (_, text, fields) in FILES.items():
        found = [
            record.metadata
            for record in stored.records.values()
            if record.metadata["source"] == name and text in record.text
        ]
        assert found, name
        assert fields.items() <= found[0].items(), name
