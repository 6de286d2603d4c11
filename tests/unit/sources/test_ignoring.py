"""What is left out: against Git itself, and by the rules that are Waypoint's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from waypoint.errors import UsageError
from waypoint.formats import default_registry
from waypoint.models import Discovery, SkippedFile, SourceFile, UnreadableFolder
from waypoint.sources import discover
from waypoint.sources.ignoring import IGNORED, MAX_IGNORE_FILE, MAX_PATTERNS, Rules
from waypoint.sources.patterns import Pattern

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


@pytest.mark.parametrize("line", ["!", "a[b", "secret\\", "[[:letters:]]", "*a" * 300_000])
def test_a_line_that_is_no_pattern_closes_its_folder(tmp_path: Path, line: str) -> None:
    """By its number: what it was to leave out may be private. As an option it is told at once."""
    put(tmp_path, "x/a.md", "y.md")
    put(tmp_path, "x/.waypointignore", text=f"\n# ours\n{line}\n")
    found = walk(tmp_path)
    assert sources(found) == ["y.md"]
    (closed,) = [item for item in found if isinstance(item, UnreadableFolder)]
    assert closed.source == "x"
    assert "line 3 is not a pattern" in closed.reason
    with pytest.raises(UsageError, match="is not a pattern"):
        walk(tmp_path, exclude=(line,))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "cp1251"]
)
def test_an_ignore_file_is_decoded_as_a_document(tmp_path: Path, encoding: str) -> None:
    """By its BOM or what its bytes show; what can't be told closes the folder."""
    name = "частное" if encoding == "cp1251" else "privé"
    put(tmp_path, f"x/{name}.md", "x/a.md", "x/é/b.md")
    comment = "Diese Ordner sind nicht für alle bestimmt: Geschäft, résumé"
    if encoding == "cp1251":
        comment = "\u043d\u0435 \u0434\u043b\u044f \u0432\u0441\u0435\u0445, "
        comment += (
            "\u0442\u043e\u043b\u044c\u043a\u043e \u0434\u043b\u044f \u043c\u0435\u043d\u044f "
        )
        comment += "\u0441\u0430\u043c\u043e\u0433\u043e"
    lines = f"# {comment}\r\n{name}.md\r\n"
    (tmp_path / "x/.waypointignore").write_bytes(lines.encode(encoding))
    assert sources(walk(tmp_path)) == ["x/a.md", "x/é/b.md"]


def test_lines_end_as_on_any_system(tmp_path: Path) -> None:
    """With CR alone where there is no LF; one within a line of others closes the folder."""
    put(tmp_path, "x/a.md", "x/b.md", "x/c.md", "x/Icon\r", "y/a.md")
    (tmp_path / "x/.waypointignore").write_bytes(b"a.md\r# ours\rb.md\r")
    (tmp_path / "y/.waypointignore").write_bytes(b"a.md\rb.md\nc.md\n")
    found = walk(tmp_path)
    assert [name for name in sources(found) if name.endswith(".md")] == ["x/c.md"]
    (closed,) = [item for item in found if isinstance(item, UnreadableFolder)]
    assert "line 1 has a carriage return in it" in closed.reason
    for odd in (b"b.md\nIcon\r\r\n", b"b.md\r\nIcon[\r]\r\n"):
        (tmp_path / "x/.waypointignore").write_bytes(odd)
        found = walk(tmp_path)
        assert left_out(found) == dict.fromkeys(["x/b.md", "x/Icon\\r"], IGNORED)


@pytest.mark.parametrize(
    "data", [b"priv\0ate.md\n", b"\xff\xfe\x00", b"a.md\n\xe9", b"\x00\x00\xfe\xffa", b"\x01" * 50]
)
def test_an_ignore_file_that_is_no_text_closes_its_folder(tmp_path: Path, data: bytes) -> None:
    """As a document would be rejected; the reason says why."""
    put(tmp_path, "x/a.md", "y.md")
    (tmp_path / "x/.waypointignore").write_bytes(data)
    found = walk(tmp_path)
    assert sources(found) == ["y.md"]
    assert [item.source for item in found if isinstance(item, UnreadableFolder)] == ["x"]


def test_no_pattern_takes_long(tmp_path: Path) -> None:
    """One that a backtracking matcher never ends with."""
    name = "a" * 240 + ".md"
    put(tmp_path, f"x/{name}")
    for pattern in ("*a" * 100 + "b", "**/" * 50 + "*a*a*a*a*a*ab", "?*" * 100 + "!"):
        (tmp_path / "x/.waypointignore").write_text(pattern)
        assert sources(walk(tmp_path, exclude=(pattern,), include=("*", pattern))) == [f"x/{name}"]


def test_a_folder_whose_ignore_file_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """What it would leave out may be private: the folder is unknown, at the top an error."""
    put(tmp_path, "big/a.md", "folder/a.md", "link/a.md", "many/a.md", "open/a.md")
    (tmp_path / "many/.waypointignore").write_text("a\n" * (MAX_PATTERNS + 1))
    (tmp_path / "big/.waypointignore").write_bytes(b"#" * (MAX_IGNORE_FILE + 1))
    (tmp_path / "folder/.waypointignore").mkdir()
    (tmp_path / "link/.waypointignore").symlink_to("a.md")
    found = walk(tmp_path)
    assert sources(found) == ["open/a.md"]
    unreadable = [item for item in found if isinstance(item, UnreadableFolder)]
    assert [item.source for item in unreadable] == ["big", "folder", "link", "many"]
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


SIGNS = st.text("ab-_!#[]^ \\*?$+{\u00e9", min_size=1, max_size=4)
NAMES_OF_SIGNS = SIGNS.filter(lambda name: "*" not in name or "?" in name)
NAMED = st.sampled_from(NAMES) | NAMES_OF_SIGNS
SETS = st.builds(
    lambda front, members, back: f"[{front}{''.join(members)}{back}]",
    st.sampled_from(["", "", "!", "^", "]", "!]"]),
    st.lists(
        st.sampled_from(
            ["a", "b", "a-b", "!-_", "-", "z-a", "\\\\", "\\]", "\\a-b", "[:alpha:]", "[:punct:]",
             "[", "[:", "^", "!", "#", " ", "/", ".-0", "\u00e9"]
        ),
        max_size=3,
    ),
    st.sampled_from(["", "", "-"]),
)  # fmt: skip
PIECES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "*",
        "*",
        "?",
        "!",
        "#",
        "\\*",
        "\\#",
        "\\a",
        "\\\\",
        ".md",
        " ",
        "\\ ",
        "\\/",
        "[",
        "\u00e9",
    ]
)
# Git has "**" mean folders also behind letters that it compares apart: "a**/b" is "ab" as well.
PARTS = st.lists(PIECES | SETS, min_size=1, max_size=3).map("".join) | st.sampled_from(
    ["**", "***", "a**", "**b", ""]
)
LINES = st.builds(
    lambda front, parts, end: front + "/".join(parts) + end,
    st.sampled_from(["", "", "!", "/", "!/", "#", " "]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " ", "\\ ", "\\  ", "\t", "\r", " \r", "\\"]),
)
IGNORE_FILES = st.lists(LINES, max_size=5)
PATHS = st.lists(NAMED, min_size=1, max_size=4).map("/".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("Git is the oracle")
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def tracked_by_git(root: Path) -> list[str]:
    """The files that Git would add, as it would with these patterns in ``.gitignore``."""
    command = ["git", "-c", "core.quotePath=false", "ls-files", "-z", "--others"]
    command += ["--exclude-per-directory=.waypointignore"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name]
    return [name for name in names if not name.endswith(".waypointignore")]


def is_pattern(line: str) -> bool:
    """Git passes over what is none; here it closes the folder."""
    try:
        Pattern(line.removesuffix("\r"))
    except ValueError:
        return False
    return True


@settings(suppress_health_check=list(HealthCheck))
@given(
    paths=st.lists(PATHS, min_size=1, max_size=8, unique=True),
    ignore_files=st.tuples(IGNORE_FILES, IGNORE_FILES),
)
@example(paths=["a/a"], ignore_files=([], ["**/*/**/"]))
@example(paths=["a/b/a"], ignore_files=(["!**/*/**/"], ["**/**/"]))
@example(paths=["A", "_", "0", "~"], ignore_files=(["[!-_]"], []))
@example(paths=["+b", "+a/b/ab"], ignore_files=(["+***/**[[:alpha:]]"], []))
@example(paths=["b/a", "ba/a", "a"], ignore_files=(["b**//**"], ["a**\\/b"]))
@example(paths=["a/b", "a/a/b", "ab/b", "aab/b"], ignore_files=(["a**/b", "?**/b"], ["a/"]))
def test_patterns_mean_what_they_mean_to_git(
    repository: Path, paths: list[str], ignore_files: tuple[list[str], list[str]]
) -> None:
    """For files at the top and in a folder with an ignore file of its own."""
    with tempfile.TemporaryDirectory(dir=repository) as name:
        root = Path(name)
        for path in paths:
            (root / path).mkdir(parents=True, exist_ok=True)
            (root / path / "x.md").write_text("text")
        (root / "a").mkdir(exist_ok=True)
        for folder, lines in zip((root, root / "a"), ignore_files, strict=True):
            text = "\n".join(line for line in lines if is_pattern(line))
            (folder / ".waypointignore").write_bytes(text.encode())
        assert sorted(sources(walk(root))) == sorted(tracked_by_git(root))
