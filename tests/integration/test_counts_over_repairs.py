"""After a repair in the middle of a run, each file, document and chunk is counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.corpus import write_corpus
from waypoint.errors import StoreDamagedError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import Event, EventBus, RunRepeated
from waypoint.observe.progress import Progress
from waypoint.settings import load_settings
from waypoint.storage.chroma.store import ChromaStore

DOCUMENTS, SECTIONS = 8, 10
CHUNKS = DOCUMENTS * SECTIONS


async def test_each_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By report, display and page alike; what was embedded adds up over both attempts."""
    (tmp_path / "store").mkdir()
    repeated = list[bool]()
    upserts: list[int] = []
    upsert = ChromaStore.upsert

    async def damaged_at_the_second(store: ChromaStore, rows: Any) -> None:
        upserts.append(1)
        if len(upserts) == 2:
            raise StoreDamagedError("the index is damaged")
        await upsert(store, rows)

    progress = Progress()

    def watch(event: Event) -> None:
        if isinstance(event, RunRepeated):
            repeated.append(event.dropped)

    events = EventBus()
    for listener in (progress, watch):
        events.subscribe(listener)
    write_corpus(tmp_path / "kb", documents=DOCUMENTS, sections=SECTIONS)
    (tmp_path / "kb" / "bad.pdf").write_bytes(b"no PDF")
    with background_simulator(latency_ms=50) as simulator:
        settings = load_settings(
            knowledge_base_path=tmp_path / "kb",
            chroma_persist_path=tmp_path / "store",
            log_dir=tmp_path,
            google_api_key="any",
            google_gemini_base_url=simulator.base_url,
            quota_rpm=0,
            quota_tpm=0,
            concurrency=1,
            batch_size=5,
        )
        monkeypatch.setattr(ChromaStore, "upsert", damaged_at_the_second)
        await Ingestion(settings, IngestOptions(), events).run()
        assert simulator.stats().texts_answered == CHUNKS
    # All of what had been written could be copied.
    assert repeated == [False]
    report = progress.report
    assert report.files == DOCUMENTS + 1
    assert report.documents == {
        "found": DOCUMENTS + 1, "unchanged": 0, "ingested": DOCUMENTS, "removed": 0,
        "rejected": 1, "skipped": 0, "with_warnings": 0,
    }  # fmt: skip
    assert len(report.rejects) == 1
    chunks = report.chunks
    assert chunks["cut"] == chunks["added"] == CHUNKS
    assert (
        chunks["present"] + chunks["from_ledger"] + chunks["same_text"] + chunks["to_embed"]
        == CHUNKS
    )
    assert report.texts_embedded == CHUNKS
    assert (progress.settled, progress.share) == (CHUNKS, None)
    assert len(progress.latest.rejects) == 1
