"""Knowledge bases made by a seed: the same files for the same arguments."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

_SYLLABLES = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "za"]
_WORDS_A_SECTION = 45
"""About 330 characters: a section is one chunk of the default size."""


def write_corpus(folder: Path, *, documents: int, sections: int, seed: int = 0) -> None:
    """Markdown files in three categories; a chunk for each section, no two texts alike."""
    for number in range(documents):
        path = folder / f"category_{number % 3}" / f"document_{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document_text(sections, seed=seed * 1_000_003 + number), "utf-8")


def document_text(sections: int, *, seed: int) -> str:
    """A Markdown document with front matter."""
    draw = random.Random(seed)
    front = f"---\nsource_org: Seed {seed}\nuse_cases: [testing, comparing]\n---\n"
    return front + "".join(section_text(draw, number) for number in range(sections))


def write_records(path: Path, records: Mapping[str, int]) -> None:
    """A JSON Lines file of these records, each with the text of its number: a chunk each."""
    lines = [
        json.dumps({"id": name, "text": section_text(random.Random(number), number)})
        for name, number in records.items()
    ]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def section_text(draw: random.Random, number: int) -> str:
    """A heading and a paragraph."""
    words = ["".join(draw.choices(_SYLLABLES, k=3)) for _ in range(_WORDS_A_SECTION)]
    return f"\n## Section {number}\n\n{' '.join(words)}.\n"
