"""The walk over the knowledge base."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from waypoint.errors import UsageError
from waypoint.formats import default_registry
from waypoint.models import (
    Discovery,
    FileReject,
    SkippedFile,
    SourceFile,
    UnreadableFolder,
    WalkWarning,
)
from waypoint.sources import discover
from waypoint.sources.snapshot import version_of

LET_IN = "let this user read and enter it"
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
    assert first == SourceFile("a.md", tmp_path / "a.md", 4, version_of(status))


def test_files_without_reader_are_left_out(tmp_path: Path) -> None:
    """What no reader takes is counted, by its suffix; an image that OCR read before stays."""
    put(tmp_path, "UNKNOWN", "photo.JPG")
    assert walk(tmp_path) == [
        SkippedFile("UNKNOWN", "no reader for files without a suffix", named=False),
        SkippedFile("photo.JPG", "no reader for .jpg", named=False, stays=True),
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


def test_devices_are_named_and_not_opened() -> None:
    """Reading one could go on for ever."""
    found = walk(Path("/dev"))
    assert SkippedFile("null", "not a regular file: a character device") in found
    # Where shared memory lies, others may have files.
    assert not [source for source in sources(found) if not source.startswith("shm/")]


def test_names_that_clash_on_other_systems_are_warned_of(tmp_path: Path) -> None:
    """By case or by the form of Unicode, files and folders; all of them are read."""
    composed, decomposed = "caf\u00e9.md", "cafe\u0301.md"
    put(tmp_path, "A.md", "a.md", "B/x.md", "b/x.md", composed, decomposed, "c.jpg", "C.jpg")
    found = walk(tmp_path)
    assert len(sources(found)) == 6
    warnings = {item.source: item.warning for item in found if isinstance(item, WalkWarning)}
    assert set(warnings) == {"a.md", "b", composed}
    assert "'A.md' beside it only in case" in warnings["a.md"]
    assert "only in the form of its Unicode" in warnings[composed]


def test_a_very_long_name_is_a_name_like_any(tmp_path: Path) -> None:
    """Of 255 bytes, which is what file systems take."""
    put(tmp_path, "x" * 252 + ".md", "é" * 126 + ".md")
    assert len(sources(walk(tmp_path))) == 2


def test_a_large_folder_is_walked_while_it_is_read(tmp_path: Path) -> None:
    """The first file comes before the other folders are listed."""
    put(tmp_path, "a/first.md", "b/second.md")
    items = discover(tmp_path, registry=default_registry(), max_file_size=1000)
    assert next(items).source == "a/first.md"
    put(tmp_path, "b/third.md")
    assert sources(list(items)) == ["b/second.md", "b/third.md"]


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [
        (b"caf\xe9.md", "caf\\xe9.md", "the name is not valid UTF-8"),
        (b"two\nlines.md", "two\\nlines.md", "the name contains a line end"),
        ("para\u2029graph.md".encode(), "para\\u2029graph.md", "the name contains a line end"),
        (b"ends\n", "ends\\n", "the name contains a line end"),
        (b"red \x1b[31m.md", "red \\x1b[31m.md", "the name contains a control character"),
        (b"tab\t.md", "tab\\t.md", "the name contains a control character"),
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
    assert rest[0] == UnreadableFolder(
        "b", "the folder cannot be listed: No such file or directory", LET_IN
    )
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
    assert found[0] == UnreadableFolder(
        "closed", "the folder cannot be listed: Permission denied", LET_IN
    )
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


@pytest.mark.parametrize("kind", ["link", "dangling link", "fifo", "socket"])
def test_a_sidecar_that_is_no_plain_file_says_nothing(tmp_path: Path, kind: str) -> None:
    """It is told, once, and is no reason to read a document anew; nor is it a document."""
    put(tmp_path, "a.md", "b/c.md")
    for name in ("a.md.meta.yaml", "b/_metadata.json"):
        path = tmp_path / name
        match kind:
            case "fifo":
                os.mkfifo(path)
            case "socket":
                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(str(path))
            case _:
                path.symlink_to("a.md" if kind == "link" else "nowhere")
    found = walk(tmp_path)
    assert [item.sidecars for item in found if isinstance(item, SourceFile)] == [(), ()]
    assert [item.source for item in found if isinstance(item, SkippedFile)] == [
        "a.md.meta.yaml", "b/_metadata.json",
    ]  # fmt: skip
    told = [item.warning for item in found if isinstance(item, WalkWarning)]
    what = "a symbolic link" if "link" in kind else "not a regular file"
    assert [each.partition(";")[0] for each in told] == [f"not read: {what}"] * 2


def test_of_two_sidecars_the_plain_one_counts(tmp_path: Path) -> None:
    """A link beside it takes nothing from it."""
    put(tmp_path, "a.md", "a.md.meta.json")
    (tmp_path / "a.md.meta.yaml").symlink_to("a.md.meta.json")
    (file,) = [item for item in walk(tmp_path) if isinstance(item, SourceFile)]
    assert [each.source for each in file.sidecars] == ["a.md.meta.json"]


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("a.TAR.GZ", ".gz"),
        ("b.7z", ".7z"),
        ("c.äöü", ".äöü"),
        ("README", ""),
        ("d.", ""),
        ("Minutes of 3. March", ""),
        ("e.0123456789abcdef0123456789abcdef", ""),
    ],
)
def test_unknown_formats_are_counted_by_suffix(tmp_path: Path, name: str, counted: str) -> None:
    """In small letters; what only looks like a suffix is none."""
    put(tmp_path, name)
    reason = f"no reader for {counted or 'files without a suffix'}"
    assert walk(tmp_path) == [SkippedFile(name, reason, named=False)]
