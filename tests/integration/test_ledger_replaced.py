"""A ledger that breaks in mid-run: what it could not take goes to the one that replaces it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.corpus import write_corpus
from waypoint.errors import LedgerDamagedError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import Event, EventBus, TextsEmbedded, TextsLost
from waypoint.settings import load_settings
from waypoint.storage.ledger.sqlite import SqliteLedger

DOCUMENTS, SECTIONS, BATCH = 4, 10, 5


@pytest.mark.parametrize("times", [1, 3])
async def test_an_answer_that_it_could_not_take_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Each text is answered once; where every ledger breaks, what is lost is told."""
    (tmp_path / "store").mkdir()
    write_corpus(tmp_path / "kb", documents=DOCUMENTS, sections=SECTIONS)
    left = times
    commit = SqliteLedger.commit_vectors

    def breaks(ledger: SqliteLedger, *arguments: Any, **options: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            raise LedgerDamagedError("database disk image is malformed")
        commit(ledger, *arguments, **options)

    monkeypatch.setattr(SqliteLedger, "commit_vectors", breaks)
    told: list[Event] = []
    events = EventBus()
    events.subscribe(told.append)
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
            batch_size=BATCH,
        )
        run = Ingestion(settings, IngestOptions(), events).run
        if times == 1:
            await run()
        else:
            with pytest.RaisesGroup(LedgerDamagedError, flatten_subgroups=True):
                await run()
        answers = simulator.answers()
    assert set(answers.values()) == {1}
    embedded = sum(event.texts for event in told if isinstance(event, TextsEmbedded))
    lost = sum(event.texts for event in told if isinstance(event, TextsLost))
    assert embedded + lost == len(answers)
    assert (embedded, lost) == ((DOCUMENTS * SECTIONS, 0) if times == 1 else (0, BATCH))
