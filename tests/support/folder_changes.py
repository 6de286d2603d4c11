"""What can happen to a folder of documents, as values: for histories that are drawn."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hypothesis import strategies as st

from tests.support.corpus import section_text, write_records

NAMES = ("a.md", "b.md", "plain.txt", "x/a.md", "x/c.md", "y/deep/d.md")
RECORDS = "x/rows.jsonl"
TEXTS = 30
"""Few, so that the same text often stands in several documents, or twice in one."""
FRONTS = ("", "---\nsource_org: One\n---\n", "---\nsource_org: Two\nyear: 2031\n---\n")


class Change(Protocol):
    """Something that happens to a folder; nothing, if the document it is about is not there."""

    def apply(self, folder: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Write:
    """A new document, or quite another version of an old one."""

    name: str
    sections: Sequence[int]
    front: str
    """Its front matter."""

    def apply(self, folder: Path) -> None:
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.front + _text_of(self.sections))


@dataclass(frozen=True, slots=True)
class Insert:
    """Sections come in; those after them move."""

    name: str
    sections: Sequence[int]
    at: int
    """Sections before them."""

    def apply(self, folder: Path) -> None:
        path = folder / self.name
        if path.exists():
            lines = path.read_text().splitlines(keepends=True)
            cut = self.at * _text_of([0]).count("\n")
            path.write_text("".join([*lines[:cut], _text_of(self.sections), *lines[cut:]]))


@dataclass(frozen=True, slots=True)
class Delete:
    """A document vanishes."""

    name: str

    def apply(self, folder: Path) -> None:
        (folder / self.name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Rename:
    """A document moves, perhaps onto another; its times go with it."""

    name: str
    to: str

    def apply(self, folder: Path) -> None:
        if (folder / self.name).exists():
            (folder / self.to).parent.mkdir(parents=True, exist_ok=True)
            (folder / self.name).rename(folder / self.to)


@dataclass(frozen=True, slots=True)
class Copy:
    """The same text, with the same mtime, under a second name."""

    name: str
    to: str

    def apply(self, folder: Path) -> None:
        if (folder / self.name).exists() and self.name != self.to:
            (folder / self.to).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / self.name, folder / self.to)


@dataclass(frozen=True, slots=True)
class Touch:
    """Another mtime, the same bytes."""

    name: str

    def apply(self, folder: Path) -> None:
        if (folder / self.name).exists():
            (folder / self.name).touch()


@dataclass(frozen=True, slots=True)
class EditInPlace:
    """One letter changes: the size stays, and the mtime too if an editor puts it back."""

    name: str
    letter: str
    keep_mtime: bool

    def apply(self, folder: Path) -> None:
        path = folder / self.name
        if not path.exists() or not path.stat().st_size:
            return
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(before.st_size - 3)
            file.write(self.letter.encode())
        if self.keep_mtime:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class WriteRecords:
    """A file of records, each a document of its own; or another version of it."""

    records: Mapping[str, int]

    def apply(self, folder: Path) -> None:
        (folder / RECORDS).parent.mkdir(parents=True, exist_ok=True)
        write_records(folder / RECORDS, self.records)


def changes() -> st.SearchStrategy[Change]:
    """Any of them, to any document."""
    names = st.sampled_from(NAMES)
    records = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, TEXTS - 1), min_size=1)
    sections = st.lists(st.integers(0, TEXTS - 1), max_size=6)
    return st.one_of(
        st.builds(Write, names, sections, st.sampled_from(FRONTS)),
        st.builds(Insert, names, sections, st.integers(0, 5)),
        st.builds(Delete, names | st.just(RECORDS)),
        st.builds(Rename, names, names),
        st.builds(Copy, names, names),
        st.builds(Touch, names | st.just(RECORDS)),
        st.builds(WriteRecords, records),
        st.builds(EditInPlace, names, st.sampled_from("qwxyz"), st.booleans()),
    )


def _text_of(numbers: Sequence[int]) -> str:
    """Sections, one chunk each; a number always gives the same text."""
    return "".join(section_text(random.Random(number), number) for number in numbers)
