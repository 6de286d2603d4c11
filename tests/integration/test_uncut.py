"""A document that cannot be cut, by a bug of ours: it costs itself alone."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from waypoint.chunking import Chunker, ChunkPlan
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.plan import make_plan
from waypoint.ingestion.run import Ingestion
from waypoint.models import Document
from waypoint.observe.events import EventBus
from waypoint.settings import load_settings


async def test_it_is_rejected_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, with its reason; the plan says the same; it is done once it can be cut."""
    folder = tmp_path / "kb"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nA text of {name}.\n")
    settings = load_settings(
        knowledge_base_path=folder, chroma_persist_path=tmp_path / "store", log_dir=tmp_path
    )
    (tmp_path / "store").mkdir()
    cut = Chunker._plan

    def fails_for_b(chunker: Chunker, document: Document) -> ChunkPlan:
        if document.source == "b.md":
            raise OverflowError("out of range")
        return cut(chunker, document)

    monkeypatch.setattr(Chunker, "_plan", fails_for_b)
    ingestion = Ingestion(settings, IngestOptions(simulate=True), EventBus())
    await ingestion.run()
    assert ingestion.rejects.count == 1
    assert ingestion.rejects.file is not None
    (reject,) = map(orjson.loads, ingestion.rejects.file.read_bytes().splitlines())
    assert reject["source"] == "b.md"
    assert "OverflowError: out of range" in reject["reason"]
    plan = await make_plan(settings, IngestOptions(simulate=True))
    assert (plan.documents, plan.rejected) == (2, 1)

    monkeypatch.undo()
    again = Ingestion(settings, IngestOptions(simulate=True), EventBus())
    await again.run()
    assert again.rejects.count == 0
