"""What is left out: against Git itself, and by the rules that are Waypoint's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from waypoint.errors import UsageError
from waypoint.models import SkippedFile, SourceFile, UnreadableFolder, WalkWarning
from waypoint.sources import default_registry, discover
from waypoint.sources.discover import Discovery
from waypoint.sources.ignoring import MAX_IGNORE_FILE, Rules

NAMES = ("a", "b", "ab", "a.md", "b.md", "ab.md", "a b.md", "#a.md", "!a.md", "é.md")


def walk(
    root: Path,
    *,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    category: str | None = None,
) -> list[Discovery]:
    rules = Rules(include, exclude)
    registry = default_registry()
    found = discover(root, registry=registry, max_file_size=1000, rules=rules, category=category)
    return list(found)


def sources(found: list[Discovery]) -> list[str]:
    return [item.source for item in found if isinstance(item, SourceFile)]


def left_out(found: list[Discovery]) -> dict[str, str]:
    return {item.source: item.reason for item in found if isinstance(item, SkippedFile)}


def put(root: Path, *names: str, text: str = "text") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_what_no_user_means_is_left_out(tmp_path: Path) -> None:
    """Hidden names, installed packages, environments, caches, lock files: each once, counted."""
    put(
        tmp_path,
        ".git/config.md",
        ".hidden.md",
        "app/node_modules/x/readme.md",
        "app/__pycache__/notes.txt",
        "app/venv/pyvenv.cfg",
        "app/venv/lib/readme.md",
        "app/~$minutes.md",
        "app/minutes.md",
        ".~lock.minutes.md#",
    )
    found = walk(tmp_path)
    assert sources(found) == ["app/minutes.md"]
    assert left_out(found) == {
        ".git": "hidden",
        ".hidden.md": "hidden",
        ".~lock.minutes.md#": "hidden",
        "app/__pycache__": "a cache (__pycache__)",
        "app/node_modules": "installed packages (node_modules)",
        "app/venv": "a virtual environment",
        "app/~$minutes.md": "a lock file of an office program",
    }
    assert not any(item.named for item in found if isinstance(item, SkippedFile))


def test_an_ignore_file_leaves_out_and_takes_back_in(tmp_path: Path) -> None:
    """The nearest one that says something decides, also over what is left out by default."""
    put(tmp_path, ".github/help.md", "a.md", "drafts/b.md", "kept/drafts/c.md", "kept/d.txt")
    put(tmp_path, "venv/pyvenv.cfg", "venv/e.md")
    (tmp_path / ".waypointignore").write_text("# ours\ndrafts/\n*.txt\n!.github\n!venv/\n")
    put(tmp_path, "kept/.waypointignore", text="!drafts\n!d.txt\n/e.md\n")
    put(tmp_path, "kept/e.md", "kept/f/e.md")
    found = walk(tmp_path)
    assert sources(found) == [
        ".github/help.md", "a.md", "kept/d.txt", "kept/drafts/c.md", "kept/f/e.md", "venv/e.md",
        "venv/pyvenv.cfg",
    ]  # fmt: skip
    ignored = {name for name, why in left_out(found).items() if why == "ignored by .waypointignore"}
    assert ignored == {"drafts", "kept/e.md"}


def test_options_include_and_exclude(tmp_path: Path) -> None:
    """Only what one of the first names, and nothing that one of the second does."""
    put(tmp_path, "docs/a.md", "docs/old/b.md", "docs/old/c.txt", "d.md", "other/e.md")
    assert sources(walk(tmp_path, include=("docs/",))) == [
        "docs/a.md", "docs/old/b.md", "docs/old/c.txt",
    ]  # fmt: skip
    assert sources(walk(tmp_path, include=("docs/", "!docs/old"))) == ["docs/a.md"]
    assert sources(walk(tmp_path, include=("*.md",), exclude=("old",))) == [
        "d.md", "docs/a.md", "other/e.md",
    ]  # fmt: skip
    found = walk(tmp_path, include=("/d.md",), exclude=("/docs",))
    assert left_out(found) == {
        "docs": "excluded by --exclude",
        "other/e.md": "not among --include",
    }
    # An ignore file cannot take back what an option excludes.
    (tmp_path / ".waypointignore").write_text("!docs\n")
    assert "docs" in left_out(walk(tmp_path, exclude=("/docs",)))


def test_an_option_that_is_no_pattern_is_told_at_once(tmp_path: Path) -> None:
    """With its name and what patterns look like."""
    with pytest.raises(UsageError, match="--exclude '!' is not a pattern") as caught:
        Rules(exclude=["*.tmp", "!"])
    assert "drafts/" in caught.value.hint


def test_a_line_that_is_no_pattern_is_warned_of(tmp_path: Path) -> None:
    """By its number; the other lines hold."""
    put(tmp_path, "x/a.md", "x/b.md")
    put(tmp_path, "x/.waypointignore", text="\n!\na.md\n")
    found = walk(tmp_path)
    assert sources(found) == ["x/b.md"]
    assert WalkWarning("x/.waypointignore", "line 2 is not a pattern: left out") in found


def test_a_folder_whose_ignore_file_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """What it would leave out may be private: the folder is unknown, at the top an error."""
    put(tmp_path, "big/a.md", "folder/a.md", "link/a.md", "open/a.md")
    (tmp_path / "big/.waypointignore").write_bytes(b"#" * (MAX_IGNORE_FILE + 1))
    (tmp_path / "folder/.waypointignore").mkdir()
    (tmp_path / "link/.waypointignore").symlink_to("a.md")
    found = walk(tmp_path)
    assert sources(found) == ["open/a.md"]
    unreadable = [item for item in found if isinstance(item, UnreadableFolder)]
    assert [item.source for item in unreadable] == ["big", "folder", "link"]
    assert "larger than 1,048,576 bytes" in unreadable[0].reason
    with pytest.raises(UsageError, match=r"\.waypointignore of the knowledge base"):
        walk(tmp_path / "link")


def test_an_ignored_folder_is_no_category(tmp_path: Path) -> None:
    """Nor is one that is left out by default."""
    put(tmp_path, "a/x.md", "b/y.md", "node_modules/z.md")
    (tmp_path / ".waypointignore").write_text("b\n")
    assert sources(walk(tmp_path, category="a")) == ["a/x.md"]
    for category in ("b", "node_modules"):
        with pytest.raises(UsageError) as caught:
            walk(tmp_path, category=category)
        assert caught.value.hint.endswith("are: a")


PIECES = ["a", "b", "ab", "*", "?", "!", "#", "\\*", "\\#", ".md", "[ab]", "[!a]", " ", "é"]
# "**" as a part of its own, as documented; what Git makes of "a**/**/" is an accident.
PARTS = (
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3)
    .map("".join)
    .filter(lambda part: "**" not in part)
) | st.just("**")
LINES = st.builds(
    lambda front, parts, end: front + "/".join(parts) + end,
    st.sampled_from(["", "", "!", "/", "!/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " "]),
)
IGNORE_FILES = st.lists(LINES, max_size=5).map("\n".join)
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)


def tracked_by_git(root: Path) -> list[str]:
    """The files that Git would add, as it would with these patterns in ``.gitignore``."""
    command = ["git", "-c", "core.quotePath=false", "ls-files", "-z", "--others"]
    command += ["--exclude-per-directory=.waypointignore"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name]
    return [name for name in names if not name.endswith(".waypointignore")]


@pytest.mark.skipif(shutil.which("git") is None, reason="Git is the oracle")
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    paths=st.lists(PATHS, min_size=1, max_size=8, unique=True),
    ignore_files=st.tuples(IGNORE_FILES, IGNORE_FILES),
)
@example(paths=["a/a"], ignore_files=("", "**/*/**/"))
@example(paths=["a/b/a"], ignore_files=("!**/*/**/", "**/**/"))
def test_patterns_mean_what_they_mean_to_git(
    paths: list[str], ignore_files: tuple[str, str]
) -> None:
    """For files at the top and in a folder with an ignore file of its own."""
    # To Git, a class or a question mark is a byte, of which an é is two.
    assume("é" not in "".join(paths) or not set("?[") & set("".join(ignore_files)))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        for path in (f"{path}/x.md" for path in paths):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("text")
        (root / "a").mkdir(exist_ok=True)
        for folder, text in zip((root, root / "a"), ignore_files, strict=True):
            (folder / ".waypointignore").write_text(text)
        assert sorted(sources(walk(root))) == sorted(tracked_by_git(root))
