"""The walk over the knowledge base."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from waypoint.errors import UsageError
from waypoint.models import FileReject, SkippedFile, SourceFile, UnreadableFolder
from waypoint.sources import default_registry, discover
from waypoint.sources.discover import Discovery

NOT_FOR_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")


def walk(root: Path, category: str | None = None, max_file_size: int = 1000) -> list[Discovery]:
    return list(
        discover(root, registry=default_registry(), category=category, max_file_size=max_file_size)
    )


def sources(found: list[Discovery]) -> list[str]:
    return [item.source for item in found if isinstance(item, SourceFile)]


def put(root: Path, *names: str, text: str = "text") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_files_come_sorted_folder_by_folder_with_their_status(tmp_path: Path) -> None:
    """Depth first, by name, with POSIX paths below the root."""
    put(tmp_path, "b/z.md", "b/a/deep.TXT", "a.md", "c.markdown")
    found = walk(tmp_path)
    assert sources(found) == ["a.md", "b/a/deep.TXT", "b/z.md", "c.markdown"]
    first = found[0]
    status = (tmp_path / "a.md").stat()
    assert first == SourceFile("a.md", tmp_path / "a.md", 4, status.st_mtime_ns, status.st_ctime_ns)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    """A leading dot hides a file or a whole folder, without a word."""
    put(tmp_path, ".hidden.md", ".git/config.md", "seen.md")
    assert [item.source for item in walk(tmp_path)] == ["seen.md"]


def test_files_without_reader_are_named(tmp_path: Path) -> None:
    """What no reader takes is told, with its suffix."""
    put(tmp_path, "LICENSE", "photo.JPG")
    assert walk(tmp_path) == [
        SkippedFile("LICENSE", "no reader for files without a suffix"),
        SkippedFile("photo.JPG", "no reader for .jpg"),
    ]


def test_too_large_files_are_rejected_with_the_way_out(tmp_path: Path) -> None:
    """One byte over the limit is too much, the limit itself is not."""
    put(tmp_path, "fits.md", text="x" * 1000)
    put(tmp_path, "large.md", text="x" * 1001)
    found = walk(tmp_path)
    assert sources(found) == ["fits.md"]
    reject = found[1]
    assert isinstance(reject, FileReject)
    assert "1,001 bytes" in reject.reason
    assert "--max-file-size" in reject.hint


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    """Neither links that leave, nor those that stay, nor loops, nor broken ones."""
    root = tmp_path / "kb"
    put(tmp_path, "outside/secret.md", "kb/folder/a.md")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out.md").symlink_to(tmp_path / "outside/secret.md")
    (root / "in.md").symlink_to(root / "folder/a.md")
    (root / "folder/loop").symlink_to(root)
    (root / "broken.md").symlink_to(root / "nothing.md")
    found = walk(root)
    assert sources(found) == ["folder/a.md"]
    reasons = {item.source: item.reason for item in found if isinstance(item, SkippedFile)}
    assert reasons == {
        "broken.md": "symbolic link to nothing",
        "folder/loop": "symbolic link: its target lies in the knowledge base already",
        "in.md": "symbolic link: its target lies in the knowledge base already",
        "out": "symbolic link that leaves the knowledge base",
        "out.md": "symbolic link that leaves the knowledge base",
    }


def test_fifos_and_sockets_are_named_and_not_opened(tmp_path: Path) -> None:
    """A FIFO without a writer would block whoever opens it."""
    os.mkfifo(tmp_path / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.md"))
        assert walk(tmp_path) == [
            SkippedFile("pipe.md", "not a regular file: a FIFO"),
            SkippedFile("socket.md", "not a regular file: a socket"),
        ]


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [
        (b"caf\xe9.md", "caf\\xe9.md", "the name is not valid UTF-8"),
        (b"two\nlines.md", "two\\nlines.md", "the name contains a line end"),
        ("para\u2029graph.md".encode(), "para\\u2029graph.md", "the name contains a line end"),
        (b"ends\n", "ends\\n", "the name contains a line end"),
    ],
)
def test_names_that_cannot_be_sources_are_rejected(
    tmp_path: Path, name: bytes, shown: str, reason: str
) -> None:
    """Files and folders alike; nothing below such a folder is read."""
    (tmp_path / os.fsdecode(name)).write_text("text")
    put(tmp_path, "good/ünïcödé 日本.md")
    (tmp_path / "good" / os.fsdecode(name)).mkdir()
    (tmp_path / "good" / os.fsdecode(name) / "below.md").write_text("text")
    found = walk(tmp_path)
    assert sources(found) == ["good/ünïcödé 日本.md"]
    rejects = [item for item in found if isinstance(item, FileReject)]
    assert sorted(item.source for item in rejects) == sorted([shown, f"good/{shown}"])
    assert {item.reason for item in rejects} == {reason}
    assert "rename it" in rejects[0].hint


def test_a_folder_that_vanishes_during_the_walk_is_unreadable(tmp_path: Path) -> None:
    """What cannot be listed is told as unknown, and the walk goes on."""
    put(tmp_path, "a/first.md", "b/gone.md", "c/last.md")
    items = discover(tmp_path, registry=default_registry(), max_file_size=1000)
    assert next(items).source == "a/first.md"
    (tmp_path / "b/gone.md").unlink()
    (tmp_path / "b").rmdir()
    rest = list(items)
    assert rest[0] == UnreadableFolder("b", "cannot be listed: No such file or directory")
    assert sources(rest) == ["c/last.md"]


def test_a_file_that_vanishes_during_the_walk_is_rejected(tmp_path: Path) -> None:
    """Between the folder's listing and the question for its size."""
    put(tmp_path, "a.md", "b.md")
    items = discover(tmp_path, registry=default_registry(), max_file_size=1000)
    next(items)
    (tmp_path / "b.md").unlink()
    assert isinstance(next(items), FileReject)


@NOT_FOR_ROOT
def test_a_folder_without_permission_is_unreadable(tmp_path: Path) -> None:
    """The walk names it and goes on; as the root it is an error."""
    put(tmp_path, "closed/a.md", "open/b.md")
    (tmp_path / "closed").chmod(0)
    try:
        found = walk(tmp_path)
        with pytest.raises(UsageError, match="cannot be listed"):
            walk(tmp_path / "closed")
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert found[0] == UnreadableFolder("closed", "cannot be listed: Permission denied")
    assert sources(found) == ["open/b.md"]


def test_a_category_restricts_the_walk(tmp_path: Path) -> None:
    """Sources keep their path below the knowledge base."""
    put(tmp_path, "a/one.md", "b/two.md", "b/c/three.md", "top.md")
    assert sources(walk(tmp_path, category="b")) == ["b/c/three.md", "b/two.md"]


@pytest.mark.parametrize("category", ["nope", "", ".", "..", "a/x", "top.md", ".git", "link"])
def test_an_unknown_category_is_an_error_that_names_those_that_exist(
    tmp_path: Path, category: str
) -> None:
    """Only a visible top folder is a category."""
    put(tmp_path, "a/x/one.md", "b/two.md", "top.md", ".git/x.md")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(UsageError) as caught:
        discover(tmp_path, registry=default_registry(), category=category, max_file_size=1000)
    assert "a, b" in caught.value.hint


def test_a_root_that_is_no_folder_is_an_error_at_once(tmp_path: Path) -> None:
    """Raised by the call itself, not by the first item."""
    put(tmp_path, "file.md")
    for root in (tmp_path / "nothing", tmp_path / "file.md"):
        with pytest.raises(UsageError) as caught:
            discover(root, registry=default_registry(), max_file_size=1000)
        assert "KNOWLEDGE_BASE_PATH" in caught.value.hint


def test_folders_may_be_nested_deeper_than_python_recurses(tmp_path: Path) -> None:
    """The walk holds its own stack."""
    folders = [tmp_path]
    for _ in range(sys.getrecursionlimit() + 100):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    put(folders[-1], "deepest.md")
    try:
        (found,) = walk(tmp_path)
    finally:
        (folders[-1] / "deepest.md").unlink()
        for folder in reversed(folders[1:]):
            folder.rmdir()  # one by one: shutil.rmtree recurses
    assert found.source == "d/" * (len(folders) - 1) + "deepest.md"
