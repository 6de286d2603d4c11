"""Text recognition turned on and off, run by run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.collection import read_embedded
from tests.support.command import VERIFY, Workspace
from tests.support.scans import as_bytes, engine_says, pdf_of, scan

TEXT = "The words of this page are text as they are, more than a hundred characters of them, so "
TEXT += "that nobody takes it for a scan with a stamp."
ENGINE = """#!/bin/sh
[ "$1" = --list-langs ] && { printf 'languages (1):\\neng\\n'; exit; }
""" + engine_says("recognised", "words")  # fmt: skip


def texts_of(workspace: Workspace) -> set[tuple[object, ...]]:
    """Source, page, mark and text of each chunk."""
    records = read_embedded(workspace.store, workspace.logs).records.values()
    keys = ("source", "page", "ocr")
    return {(*(each.metadata.get(key) for key in keys), each.text) for each in records}


def test_ocr_reads_what_it_may_add_to_and_off_takes_nothing_away(tmp_path: Path) -> None:
    """Only documents with pages for it are read anew; and the language is asked for first."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    (base / "mixed.pdf").write_bytes(pdf_of(TEXT, scan("a")))
    (base / "plain.pdf").write_bytes(pdf_of(f"{TEXT} Again."))
    (base / "all.pdf").write_bytes(pdf_of(scan("a")))
    (base / "photo.png").write_bytes(as_bytes(scan("b"), "PNG"))
    for file in base.iterdir():
        os.utime(file, (1e9, 1e9))
    engine = tmp_path / "bin" / "tesseract"
    engine.parent.mkdir()
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    first = workspace.report_of("--simulate", code=1)
    assert first["left_out"] == {"no reader for .png": 1}
    workspace.use({"PATH": f"{engine.parent}:{workspace.environment['PATH']}"})

    refused = workspace.run("--simulate", "--ocr=auto", "--ocr-languages=eng+xyz")
    assert refused.code == 2
    assert "tesseract has eng" in refused.stderr
    plan = workspace.run("--simulate", "--ocr=auto", "--dry-run", "--json").report
    assert plan["pages_for_ocr"] == 3
    on = workspace.report_of("--simulate", "--ocr=auto")
    assert (on["documents"]["ingested"], on["documents"]["unchanged"]) == (3, 1)
    stored = texts_of(workspace)
    marks = {(source, page): ocr for source, page, ocr, _ in stored}
    assert marks["mixed.pdf", 2] is marks["all.pdf", 1] is marks["photo.png", 1] is True
    assert marks["mixed.pdf", 1] is marks["plain.pdf", 1] is None

    # It holds on, and nothing is read twice.
    for options in ((), ("--ocr=off",), ("--ocr=auto",)):
        again = workspace.report_of("--simulate", *options)
        assert again["documents"]["ingested"] == again["documents"]["removed"] == 0
        verdict = workspace.run(entry=VERIFY)
        assert verdict.code == 0, verdict.stdout
    # What isn't read is in no plan: as it is now, and of what another mode would read.
    for options, pages, outdated in (((), 0, 0), (("--ocr=force",), 0, 4)):
        plan = workspace.run("--simulate", "--dry-run", "--json", *options).report
        assert (plan["pages_for_ocr"], plan["texts_to_embed"], plan["outdated"]) == (
            pages, 0, outdated,
        )  # fmt: skip
    assert texts_of(workspace) == stored

    back = workspace.report_of("--simulate", "--ocr=off", "--reread", code=1)
    assert (back["documents"]["ingested"], back["documents"]["removed"]) == (1, 1)


@pytest.mark.parametrize("mode", ["auto", "force"])
def test_without_the_engine_the_way_out_is_told(tmp_path: Path, mode: str) -> None:
    """Before anything is read or kept: the next run without the option is as before."""
    workspace = Workspace(tmp_path)
    (workspace.knowledge_base / "a.md").write_text("# A\n\nText.\n")
    (tmp_path / "bin").mkdir()
    workspace.use({"PATH": str(tmp_path / "bin")})
    outcome = workspace.run("--simulate", f"--ocr={mode}")
    assert outcome.code == 2
    assert "the program tesseract" in outcome.stderr
    assert "waypoint[ocr]" in outcome.stderr
    workspace.report_of("--simulate")
