"""Paths that are no folder: which may be ingested, and what is said of the others."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from waypoint.errors import UsageError
from waypoint.ingestion.single_files import common_folder, files_among
from waypoint.sources.discover import discover


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/proc/self/mem", "cannot be read: Input/output error"),
        ("/proc/self/status", "not a regular file with an end"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "not a regular file with an end"),
        ("a" * 300 + ".md", "cannot be read: File name too long"),
    ],
)
def test_a_file_that_cannot_be_read_to_an_end_is_told(path: str, words: str) -> None:
    """As one of the system's own, which says that it is regular."""
    if path.startswith("/") and not Path(path).exists():
        pytest.skip("this system has no such file")
    with pytest.raises(UsageError, match=words) as caught:
        files_among([Path(path)])
    assert path[:80] in caught.value.message
    assert caught.value.hint


def test_what_is_neither_a_file_nor_a_folder_is_told(tmp_path: Path) -> None:
    """Alone and beside a file; a file that is empty, or a link to one, is a file."""
    (tmp_path / "kb").mkdir()
    (tmp_path / "a.md").touch()
    (tmp_path / "link.md").symlink_to("a.md")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nothing")
    files = [tmp_path / "a.md", tmp_path / "link.md"]
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        odd = [Path("/dev/zero"), *(tmp_path / name for name in ("fifo", "socket", "dangling"))]
        for path in (*odd, tmp_path / "none", tmp_path / "a.md" / "b"):
            assert files_among([*files, path, tmp_path / "kb"]) == tuple(files)
            with pytest.raises(UsageError, match=f"{path}' is neither a file nor a folder"):
                common_folder(files, [*files, path], None)
            with pytest.raises(UsageError, match=f"{path}' is not a folder"):
                discover(path, registry=None, max_file_size=1)  # type: ignore[arg-type]
