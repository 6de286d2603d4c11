"""A budget is of a run, however many attempts the store takes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.corpus import write_corpus
from waypoint.errors import BudgetSpentError, StoreDamagedError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import Event, EventBus, TextsEmbedded
from waypoint.settings import load_settings
from waypoint.storage.chroma.store import ChromaStore

DOCUMENTS, SECTIONS, BUDGET = 8, 20, 40


async def test_a_repair_does_not_renew_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage is met once some texts are embedded: the attempt after it has what is left."""
    (tmp_path / "store").mkdir()
    embedded = anyio.Event()
    lookups: list[int] = []
    metadata_of = ChromaStore.metadata_of

    async def damaged_at_the_last(store: ChromaStore, ids: Sequence[str]) -> Any:
        lookups.append(len(ids))
        if len(lookups) == DOCUMENTS:
            await embedded.wait()
            raise StoreDamagedError("the index is damaged")
        return await metadata_of(store, ids)

    def watch(event: Event) -> None:
        if isinstance(event, TextsEmbedded):
            embedded.set()

    with background_simulator() as simulator:
        settings = load_settings(
            knowledge_base_path=tmp_path / "kb",
            chroma_persist_path=tmp_path / "store",
            log_dir=tmp_path,
            google_api_key="any",
            google_gemini_base_url=simulator.base_url,
            quota_rpm=0,
            quota_tpm=0,
            concurrency=1,
            batch_size=10,
        )
        write_corpus(tmp_path / "kb", documents=DOCUMENTS, sections=SECTIONS)
        await Ingestion(settings, IngestOptions(), EventBus()).run()
        # All of it anew: each document is looked up, the last in a group of its own.
        write_corpus(tmp_path / "kb", documents=DOCUMENTS, sections=SECTIONS, seed=1)
        simulator.configure(latency_ms=200)
        monkeypatch.setattr(ChromaStore, "metadata_of", damaged_at_the_last)
        events = EventBus()
        events.subscribe(watch)
        limited = settings.model_copy(update={"max_texts": BUDGET})
        with pytest.RaisesGroup(BudgetSpentError, flatten_subgroups=True):
            await Ingestion(limited, IngestOptions(), events).run()
        assert embedded.is_set()
        assert len(lookups) == 2 * DOCUMENTS
        assert simulator.stats().texts_answered == DOCUMENTS * SECTIONS + BUDGET
