"""Generated knowledge bases: as many chunks as asked for, and the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.collection import chunks_of
from waypoint.benchmark.corpus import WORDS, CorpusSettings, write_corpus
from waypoint.benchmark.office_corpus import OFFICE_SUFFIXES, write_office_files
from waypoint.errors import UsageError


@pytest.mark.parametrize("languages", [*((name,) for name in WORDS), tuple(WORDS)])
def test_each_section_becomes_one_chunk(tmp_path: Path, languages: tuple[str, ...]) -> None:
    """Whatever the language; and no two texts are alike."""
    settings = CorpusSettings(120, (300, 600), files=7, languages=languages)
    assert write_corpus(tmp_path, settings) == 7
    chunks = chunks_of(tmp_path, size=settings.chunk_size, overlap=0)
    assert len(chunks) == 120
    texts = {chunk.text for chunk in chunks.values()}
    assert len(texts) == 120
    lengths = [len(text) for text in texts]
    assert max(lengths) <= 600
    # Both sizes are there, and each is nearly full.
    assert {length > 400 for length in lengths} == {True, False}
    assert min(lengths) >= 270


def test_the_seed_says_it_all(tmp_path: Path) -> None:
    """The same files for the same seed, and other ones for another."""
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_corpus(tmp_path / name, CorpusSettings(60, seed=seed))
        files = sorted((tmp_path / name).rglob("*.md"))
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    assert [name for name, _ in contents[0]] == [name for name, _ in contents[2]]


@pytest.mark.parametrize(
    ("changes", "files"), [({}, 4), ({"chunks_per_file": 1}, 100), ({"files": 3}, 3)]
)
def test_chunks_are_spread_over_files(tmp_path: Path, changes: dict[str, int], files: int) -> None:
    """25 a file, another number, or into a number of files."""
    settings = CorpusSettings(100, **changes)  # type: ignore[arg-type]
    assert write_corpus(tmp_path, settings) == files
    assert len(list(tmp_path.rglob("*.md"))) == files
    assert len(chunks_of(tmp_path, overlap=0)) == 100


def test_what_cannot_be_made_is_told() -> None:
    """More files than chunks, and languages there are no words for."""
    with pytest.raises(UsageError, match="11 files cannot hold 10 chunks"):
        CorpusSettings(10, files=11)
    with pytest.raises(UsageError, match="unknown languages: tlh"):
        CorpusSettings(10, languages=("en", "tlh"))


@pytest.mark.parametrize("suffix", OFFICE_SUFFIXES)
def test_office_files_are_read_whole(tmp_path: Path, suffix: str) -> None:
    """All that was written comes back in order; each section is a chunk, and no two are alike."""
    written = write_office_files(tmp_path, suffix, 3, 10, seed=7)
    chunks = chunks_of(tmp_path, overlap=0)
    assert len(chunks) == len({chunk.text for chunk in chunks.values()}) == 30
    read = "".join("".join(chunk.text.split()) for chunk in chunks.values())
    signs = read.count("|") + read.count("#") + read.count("---") * 3
    assert len(read) - signs == written


def test_office_files_are_the_same_by_seed(tmp_path: Path) -> None:
    """Whenever they are made; another seed makes others."""
    for suffix in OFFICE_SUFFIXES:
        contents = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            write_office_files(tmp_path / name, suffix, 1, 2, seed=seed)
            (path,) = (tmp_path / name).rglob(f"*.{suffix}")
            contents.append(path.read_bytes())
        assert contents[0] == contents[1] != contents[2]
