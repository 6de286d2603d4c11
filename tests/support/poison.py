"""Documents with texts that a simulator refuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from waypoint.models import Chunk

POISON = "arsenic"


def poison(document: Path, *sections: int) -> None:
    """Put the word into these sections of a document of ``write_corpus``."""
    text = document.read_text()
    for section in sections:
        heading = f"## Section {section}\n\n"
        assert heading in text
        text = text.replace(heading, f"{heading}{POISON} ")
    document.write_text(text)


def part(chunks: Mapping[str, Chunk]) -> tuple[dict[str, Chunk], set[str]]:
    """The chunks without poison, and the ids of those with it."""
    good = {key: chunk for key, chunk in chunks.items() if POISON not in chunk.text}
    return good, chunks.keys() - good.keys()


def rejects_listed(logs: Path) -> list[dict[str, Any]]:
    """What ``rejects.jsonl`` says."""
    return [orjson.loads(line) for line in (logs / "rejects.jsonl").read_bytes().splitlines()]
