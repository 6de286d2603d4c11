"""The contract of every source: local folders, and one in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.memory_source import MemorySource
from waypoint.errors import DocumentRejectedError
from waypoint.models import Document, SkippedFile, SourceFile
from waypoint.settings import Settings
from waypoint.sources.kinds import open_source
from waypoint.sources.port import Root, Source


@dataclass(frozen=True, slots=True)
class Served:
    """A source, and how what it lists comes and goes."""

    source: Source
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]


def local(folder: Path) -> Served:
    """A folder."""

    def put(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    settings = Settings.model_validate({"knowledge_base_path": folder})
    source = open_source([Root("", settings)])
    return Served(source, put, lambda name: (folder / name).unlink())


def in_memory(_folder: Path) -> Served:
    """A mapping."""
    source = MemorySource()
    return Served(source, source.put, source.files.__delitem__)


SOURCES = {"local folder": local, "in memory": in_memory}


@pytest.fixture(params=SOURCES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    """One of each kind, empty."""
    return SOURCES[request.param](tmp_path)


def files_of(source: Source) -> list[SourceFile]:
    return [entry for entry in source.discover() if isinstance(entry, SourceFile)]


async def test_all_there_is_is_listed_once(served: Served) -> None:
    """By names with slashes, with sizes; what has no reader is told."""
    for name in ("b.md", "guide/a.md", "guide/deep/c.txt", "photo.xyz"):
        served.put(name, b"text")
    entries = list(served.source.discover())
    assert sorted(each.source for each in entries) == [
        "b.md", "guide/a.md", "guide/deep/c.txt", "photo.xyz",
    ]  # fmt: skip
    files = files_of(served.source)
    assert {each.size for each in files} == {4}
    assert {each.source: each.category for each in files}["guide/deep/c.txt"] == "guide"
    (skipped,) = (each for each in entries if isinstance(each, SkippedFile))
    assert skipped.source == "photo.xyz"
    assert list(served.source.scopes) == [""]
    assert served.source.readers >= 1


async def test_files_are_read_in_the_order_asked_for(served: Served) -> None:
    """Each as it is now, with its digest; what is gone or damaged is a reject of its own."""
    for name in ("a.md", "b.md", "c.md", "d.md"):
        served.put(name, f"# {name}".encode())
    a, b, c, d = files_of(served.source)
    served.remove("b.md")
    served.put("c.md", b"\x00\x01")
    async with served.source.open() as reader:
        first, gone, damaged, last = await reader.read([d, b, c, a])
    assert isinstance(gone, DocumentRejectedError)
    assert isinstance(damaged, DocumentRejectedError)
    assert not isinstance(first, DocumentRejectedError)
    assert not isinstance(last, DocumentRejectedError)
    (shown,) = first
    assert isinstance(shown, Document)
    assert (shown.source, shown.title, shown.file.source) == ("d.md", "d.md", d.source)
    assert not served.source.is_edited(d, shown.file.version)
    assert served.source.digest(d) == shown.digest
    assert len(shown.digest) == 64


async def test_a_file_that_changes_is_told_from_what_it_was(served: Served) -> None:
    """Listed anew, it has another version; what was left alone is listed as before."""
    served.put("a.md", b"one")
    served.put("b.md", b"one")
    before = files_of(served.source)
    served.put("a.md", b"another")
    after = files_of(served.source)
    assert after[0].version != before[0].version
    assert served.source.is_edited(after[0], before[0].version)
    assert not served.source.is_edited(after[0], "")
    assert after[1] == before[1]
    assert not served.source.is_edited(after[1], before[1].version)
    served.remove("a.md")
    assert files_of(served.source) == before[1:]
