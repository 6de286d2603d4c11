"""Mistakes that people make: each is told with its place, its value and a hint."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from waypoint.cli import main

RUN = "ingest docs --simulate"
NOT_OURS = ("Traceback", "pydantic", "Input should", "Value error", "Errno", "validation error")


class Mistake:
    """A command line, what is to be told of it, and how it ends."""

    def __init__(
        self, arguments: str, *told: str, variable: str = "", file: str = "", code: int = 2
    ) -> None:
        self.arguments = shlex.split(arguments)
        self.told = told
        self.variable = variable
        """``NAME=value``."""
        self.file = file
        """``NAME=content``."""
        self.code = code


MISTAKES = {
    "no folder at all": Mistake("ingest", "'knowledge_base'", "KNOWLEDGE_BASE_PATH"),
    "a folder that is not there": Mistake("ingest nodir --simulate", "'nodir'", "path"),
    "a folder below a file": Mistake("ingest docs/a.md/x --simulate", "'docs/a.md/x'"),
    "an empty path": Mistake("ingest '' --simulate", "it is empty"),
    "no key": Mistake("ingest docs", "GOOGLE_API_KEY is not set", "--simulate"),
    "a key with a space": Mistake(
        "ingest docs", "GOOGLE_API_KEY", "copy it again", variable="GOOGLE_API_KEY=abc def"
    ),
    "an option too small": Mistake(
        f"{RUN} --dimensions 100", "--dimensions 100: must be 128 to 3072"
    ),
    "an option too large": Mistake(f"{RUN} --batch-size 251", "--batch-size 251: must be 1 to 250"),
    "an option that is no number": Mistake(
        f"{RUN} --rpm many", "--rpm many: must be a whole number"
    ),
    "an amount that is no number": Mistake(
        f"{RUN} --max-cost much", "--max-cost much: must be a number"
    ),
    "a number below zero": Mistake(f"{RUN} --max-texts -1", "--max-texts -1", "0 or more"),
    "no seconds": Mistake(f"{RUN} --call-timeout 0", "--call-timeout 0", "more than 0"),
    "a word that is none of the choices": Mistake(
        f"{RUN} --quota-tier 9", "--quota-tier 9", "free, 1, 2 or 3"
    ),
    "another such word": Mistake(f"{RUN} --ocr always", "--ocr always", "off, auto or force"),
    "neither a number nor auto": Mistake(
        f"{RUN} --concurrency many", "--concurrency many", "1 to 256, or auto"
    ),
    "a pair that excludes itself": Mistake(
        f"{RUN} --chunk-size 100 --chunk-overlap 100",
        "--chunk-overlap 100",
        "below CHUNK_SIZE, which is 100",
    ),
    "a default that a value excludes": Mistake(
        f"{RUN} --chunk-size 80", "CHUNK_OVERLAP", "which is 80"
    ),
    "two mistakes": Mistake(
        f"{RUN} --chunk-size 1 --dimensions 1", "--chunk-size 1", "--dimensions 1"
    ),
    "an empty option": Mistake(f"{RUN} --collection ''", "--collection", "it is empty"),
    "a name that Chroma refuses": Mistake(
        f"{RUN} --collection a", "--collection a", "3 to 512 characters"
    ),
    "a model that is not known": Mistake(
        f"{RUN} --model ada-002", "--model", "'ada-002'", "gemini-embedding-001"
    ),
    "a provider that is not known": Mistake(
        "ingest docs",
        "EMBEDDING_PROVIDER",
        "'openai'",
        "gemini, vertex, simulator",
        variable="EMBEDDING_PROVIDER=openai",
    ),
    "an option that is none": Mistake(f"{RUN} --chnk-size 9", "--chnk-size", "--chunk-size"),
    "a command that is none": Mistake("serach x", "'serach'", "'search'"),
    "a port that is none": Mistake(
        f"{RUN} --monitor-port 70000", "--monitor-port 70000", "0 to 65535"
    ),
    "a pattern that is none": Mistake(f"{RUN} --exclude [z-a", "--exclude '[z-a'", ".gitignore"),
    "a category that is not there": Mistake(f"{RUN} --category nope", "'nope'", "no folders"),
    "a variable": Mistake(
        RUN, "CONCURRENCY=many", "1 to 256, or auto", variable="CONCURRENCY=many"
    ),
    "a variable of a switch": Mistake(
        RUN, "QUOTA_WAIT=perhaps", "true or false", variable="QUOTA_WAIT=perhaps"
    ),
    "a level that is none": Mistake(
        RUN, "LOG_LEVEL=LOUD", "DEBUG, INFO, WARNING or ERROR", variable="LOG_LEVEL=LOUD"
    ),
    "a host with its scheme": Mistake(
        RUN, "CHROMA_HOST=http://x:8000", "CHROMA_PORT", variable="CHROMA_HOST=http://x:8000"
    ),
    "a Chroma port that is none": Mistake(
        RUN, "CHROMA_PORT=99999", "1 to 65535", variable="CHROMA_PORT=99999"
    ),
    "an address that is none": Mistake(
        "ingest docs", "GOOGLE_GEMINI_BASE_URL=foo", "http", variable="GOOGLE_GEMINI_BASE_URL=foo"
    ),
    "a proxy that is none": Mistake(RUN, "HTTPS_PROXY", "NO_PROXY", variable="HTTPS_PROXY=::bad::"),
    "an old variable": Mistake(RUN, "STATS_EVERY", "STATS_INTERVAL", variable="STATS_EVERY=1"),
    "a line of .env": Mistake(
        RUN, ".env line 2: CONCURRENCY=many", file=".env=A=1\nCONCURRENCY=many"
    ),
    "a line that is no assignment": Mistake(
        RUN, ".env line 1", "NAME=value", file=".env=what is this"
    ),
    "an open quote": Mistake(
        RUN, ".env line 2", "quotes", file='.env=A=1\nGOOGLE_API_KEY="abc\nB=2'
    ),
    "a value of waypoint.toml": Mistake(
        RUN, "waypoint.toml line 1: concurrency = many", file="waypoint.toml=concurrency = 'many'"
    ),
    "what is no TOML": Mistake(RUN, "waypoint.toml", "TOML", file="waypoint.toml=concurrency = "),
    "a table in waypoint.toml": Mistake(
        RUN, "waypoint.toml line 1", "store", file="waypoint.toml=[store]\nx = 1"
    ),
    "a store that is a file": Mistake(
        RUN, "chroma_db is a file", "move it", "CHROMA_PERSIST_PATH", file="chroma_db=x", code=3
    ),
    "no store to search": Mistake(
        "search hello", "chroma_db", "ingest first", "CHROMA_PERSIST_PATH"
    ),
    "no question": Mistake("search ''", "question", "it is empty"),
    "nothing to show": Mistake("search x --top 0", "--top", "must be greater"),
    "a condition that is none": Mistake("search x --where a", "--where 'a'", "key=value"),
    "no store to verify": Mistake("verify", "chroma_db", "ingest first"),
    "a check that is none": Mistake("verify --check foo", "'foo'", "collection, recipe"),
    "a check by its old name": Mistake(
        "verify --check paid", "the check paid is now called committed"
    ),
    "no store to tell of": Mistake("status", "chroma_db", "ingest first"),
    "no ledger": Mistake("cache", "chroma_db", "CHROMA_PERSIST_PATH"),
    "a file that is not there": Mistake("inspect none.md", "'none.md'"),
    "a folder to inspect": Mistake("inspect docs", "'docs' is a folder", "--dry-run"),
}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """A command sets the mask of its process, which is the test's here."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(
    mistake: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong = MISTAKES[mistake]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\nSome text.\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    for text, take in ((wrong.variable, monkeypatch.setenv), (wrong.file, write)):
        name, equals, value = text.partition("=")
        if equals:
            take(name, value)
    with pytest.raises(SystemExit) as end:
        main(wrong.arguments)
    told = capfd.readouterr()
    assert end.value.code == wrong.code, told.err
    assert not told.out
    for part in wrong.told:
        assert part in told.err
    for word in NOT_OURS:
        assert word not in told.err
    # Nothing began, so there is nothing to count.
    assert "0 documents" not in told.err


def write(name: str, content: str) -> None:
    Path(name).write_text(content)
