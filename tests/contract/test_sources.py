"""The contract of every source: local folders, and one in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.memory_source import SHARED, MemoryKind, MemorySource
from waypoint.errors import DocumentRejectedError
from waypoint.models import Document, SkippedFile, SourceFile, root_prefix
from waypoint.settings import Settings
from waypoint.sources import kinds
from waypoint.sources.kinds import open_source
from waypoint.sources.port import Root, Source


@dataclass(frozen=True, slots=True)
class Served:
    """A source, and how what it lists comes and goes."""

    source: Source
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]


def local(folder: Path, name: str = "") -> Served:
    """A folder."""

    def put(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    settings = Settings.model_validate({"knowledge_base_path": folder})
    source = open_source([Root(name, settings)])
    return Served(source, put, lambda name: (folder / name).unlink())


def in_memory(_folder: Path, name: str = "") -> Served:
    """A mapping."""
    source = MemorySource(prefix=root_prefix(name))
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


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_further_root_begins_all_its_names(kind: str, tmp_path: Path) -> None:
    """With its own name: what is listed, read, refused and left out, and what it may remove."""
    served = SOURCES[kind](tmp_path, "more")
    for name in ("a.md", "gone.md", "photo.xyz"):
        served.put(name, b"text")
    assert [each.source for each in served.source.discover()] == [
        "//more/a.md", "//more/gone.md", "//more/photo.xyz",
    ]  # fmt: skip
    files = files_of(served.source)
    served.remove("gone.md")
    async with served.source.open() as reader:
        read, gone = await reader.read(files)
    assert not isinstance(read, DocumentRejectedError)
    assert [each.source for each in read] == ["//more/a.md"]
    assert isinstance(gone, DocumentRejectedError)
    assert gone.source == "//more/gone.md"
    assert len(served.source.digest(files[0])) == 64
    assert list(served.source.scopes) == ["//more/"]


async def test_roots_of_two_kinds_are_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, and what the scheme of a path names: each file is read by its own."""
    monkeypatch.setitem(kinds.SOURCES, "memory", f"{MemoryKind.__module__}:{MemoryKind.__name__}")
    monkeypatch.setitem(SHARED, "harbour", MemorySource())
    SHARED["harbour"].put("b.md", b"# In memory")
    (tmp_path / "a.md").write_text("# In a folder")
    paths = {"": tmp_path, "more": Path("memory://harbour")}
    roots = [
        Root(name, Settings.model_validate({"knowledge_base_path": path}))
        for name, path in paths.items()
    ]
    source = open_source(roots)
    files = files_of(source)
    async with source.open() as reader:
        contents = await reader.read(files[::-1])
    titles = [each.title for content in contents if not isinstance(content, Exception)
              for each in content if isinstance(each, Document)]  # fmt: skip
    assert titles == ["In memory", "In a folder"]
    assert list(source.scopes) == ["", "//more/"]
    assert kinds.scheme_of(Path("other://harbour")) == ""
