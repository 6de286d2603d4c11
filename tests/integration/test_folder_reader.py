"""The folder of a run, read by as many readers as cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from waypoint.errors import DocumentRejectedError
from waypoint.ingestion.discover import survey
from waypoint.models import Document, SourceFile
from waypoint.settings import Settings, load_settings
from waypoint.sources.kinds import open_source
from waypoint.sources.port import Root, Source


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no settings around it."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "knowledge_base").mkdir()
    return tmp_path / "knowledge_base"


def reader_of(**settings: Any) -> Source:
    return open_source([Root("", load_settings(**settings))])


def found(reader: Source) -> list[SourceFile]:
    return [entry for entry in reader.discover() if isinstance(entry, SourceFile)]


async def test_a_process_is_started_only_for_what_needs_one(folder: Path) -> None:
    """Markdown, text and records are read without; the order is that of the files asked for."""
    (folder / "a.md").write_text("# A")
    (folder / "b.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    (folder / "c.html").write_text("<p>The third of four files.</p>")
    (folder / "d.md").write_bytes(b"\x00\x01")
    reader = reader_of()
    files = found(reader)
    assert [reader.takes_long(file) for file in files] == [False, False, True, False]
    async with reader.open() as opened:
        plain = [file for file in files if not reader.takes_long(file)]
        await opened.read(plain)
        assert not psutil.Process().children()
        a, b, c, d = await opened.read(files)
        assert len(psutil.Process().children()) == 1
    assert not psutil.Process().children()
    assert not isinstance(a, DocumentRejectedError)
    assert not isinstance(b, DocumentRejectedError)
    assert not isinstance(c, DocumentRejectedError)
    assert [each.source for each in (*a, *b, *c)] == ["a.md", "b.jsonl#1", "b.jsonl#2", "c.html"]
    assert isinstance(d, DocumentRejectedError)


async def test_the_text_field_of_the_settings_counts(folder: Path) -> None:
    """For all that are read."""
    (folder / "a.json").write_text('{"text": "no", "abstract": "yes"}')
    reader = reader_of(json_text_field="abstract")
    async with reader.open() as opened:
        (content,) = await opened.read(found(reader))
    assert not isinstance(content, DocumentRejectedError)
    (document,) = content
    assert isinstance(document, Document)
    assert document.text == "yes"


def test_the_survey_counts_what_the_walk_will_find(folder: Path) -> None:
    """Rejects among it, what is left out not."""
    (folder / "a.md").write_text("text")
    (folder / "large.md").write_text("x" * 100)
    (folder / "b.exe").write_text("none")
    surveyed = survey(reader_of(max_file_size=99))
    assert (surveyed.files, surveyed.bytes) == (2, 4)
