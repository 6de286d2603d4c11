"""A text that makes every answer useless: found among others, and only if it is the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded_async
from tests.support.corpus import write_corpus
from tests.support.poison import POISON, part, poison, rejects_listed
from waypoint.ingestion import embed
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import EventBus
from waypoint.observe.progress import Progress
from waypoint.observe.report import RunReport
from waypoint.settings import load_settings

TEXTS = 120


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 chunks, and no time to wait between rounds."""
    write_corpus(tmp_path / "kb", documents=6, sections=20)
    (tmp_path / "store").mkdir()
    monkeypatch.setattr(embed, "POISON_PAUSE", 0.0)
    monkeypatch.setattr("waypoint.embedding.retrying.FIRST_BACKOFF", 0.001)
    monkeypatch.setattr("waypoint.embedding.retrying.LONGEST_BACKOFF", 0.01)
    return tmp_path


async def ingest(folder: Path, base_url: str, **settings: Any) -> RunReport:
    """One run; the report of what it told."""
    events, reporting = EventBus(), Progress()
    events.subscribe(reporting)
    given = load_settings(
        knowledge_base_path=folder / "kb",
        chroma_persist_path=folder / "store",
        log_dir=folder,
        google_api_key="any",
        google_gemini_base_url=base_url,
        quota_rpm=0,
        quota_tpm=0,
        **settings,
    )
    await Ingestion(given, IngestOptions(), events).run()
    return reporting.report


async def assert_stored(folder: Path) -> None:
    """All but the spoilt text is there, and nothing else."""
    good, _ = part(chunks_of(folder / "kb"))
    assert_holds(await read_embedded_async(folder / "store", folder), good)


async def test_it_is_rejected_and_those_beside_it_are_not(folder: Path) -> None:
    """Whoever shares a call with it gets no vector; so its batch is halved down to it."""
    poison(folder / "kb" / "category_0" / "document_000.md", 3)
    with background_simulator(spoil=POISON) as simulator:
        report = await ingest(folder, simulator.base_url, batch_size=40)
        assert report.chunks["rejected"] == 1
        # The others, and canaries each time that there was doubt.
        assert TEXTS - 1 < report.texts_embedded <= TEXTS - 1 + 20
        (reject,) = rejects_listed(folder)
        assert "no good answer to it in 15 calls" in reject["reason"]
        # Each half of its batch five times, down to itself: not again and again for ever.
        calls = simulator.stats().texts_answered
        assert calls <= TEXTS + 5 * (40 + 20 + 10 + 5 + 3 + 2) + 15 + 20
        again = await ingest(folder, simulator.base_url, batch_size=40)
        assert again.calls["started"] == 0
    await assert_stored(folder)


async def test_several_in_one_batch_are_found_together(folder: Path) -> None:
    """The batch is given up once; of its parts few calls tell, and none is retried for long."""
    poison(folder / "kb" / "category_0" / "document_000.md", 3, 9, 16)
    with background_simulator(spoil=POISON) as simulator:
        report = await ingest(folder, simulator.base_url, batch_size=40)
        assert (report.chunks["rejected"], report.chunks["added"]) == (3, TEXTS - 3)
        # The batch five times; its parts twice, down to pairs; each text alone in three rounds.
        calls = simulator.stats().texts_answered
        assert calls <= TEXTS + 5 * 40 + 2 * 3 * (20 + 10 + 5 + 3 + 2) + 3 * 15 + 40
    await assert_stored(folder)


@pytest.mark.parametrize("fault", ["deadline", "reset_before_answer"])
async def test_what_the_service_never_finishes_with_is_rejected_as_well(
    folder: Path, fault: str
) -> None:
    """An outage ends by itself; a text that makes one of its own does not."""
    poison(folder / "kb" / "category_0" / "document_000.md", 3)
    with background_simulator(spoil=POISON, spoil_with=fault) as simulator:
        report = await ingest(folder, simulator.base_url, batch_size=10)
        assert (report.chunks["rejected"], report.chunks["added"]) == (1, TEXTS - 1)
        again = await ingest(folder, simulator.base_url, batch_size=10)
        assert again.calls["started"] == 0
    await assert_stored(folder)


async def test_a_service_that_fails_at_random_costs_no_text(folder: Path) -> None:
    """Not even where most calls fail, and each text is alone."""
    with background_simulator(faults={"internal": 0.75}, seed=3) as simulator:
        report = await ingest(folder, simulator.base_url, batch_size=1, concurrency=8)
    assert report.chunks["rejected"] == 0
    assert report.chunks["added"] == TEXTS
    await assert_stored(folder)
