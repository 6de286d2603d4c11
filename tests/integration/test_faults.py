"""Whatever the service does to a fifth of the calls, the run completes and the collection is
whole: every chunk with its own vector, and no text embedded twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.background_simulator import KEY, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded_async
from tests.support.corpus import write_corpus
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import CallFailed, Event, EventBus
from waypoint.observe.progress import Progress
from waypoint.observe.report import RunReport
from waypoint.settings import Settings, load_settings
from waypoint.simulator import Fault

DOCUMENTS, SECTIONS = 6, 20
TEXTS = DOCUMENTS * SECTIONS
SEED = 7
"""Of the simulator's draws: each rate below is met several times with it."""

STATUS = {
    Fault.RATE_LIMITED: 429,
    Fault.EXHAUSTED: 429,
    Fault.INTERNAL: 500,
    Fault.UNAVAILABLE: 503,
    Fault.DEADLINE: 504,
    Fault.RESET_BEFORE_ANSWER: None,
    Fault.RESET_IN_BODY: None,
    Fault.TRUNCATED: None,
    Fault.HANG: None,
    Fault.NOT_JSON: 200,
    Fault.EMPTY_OBJECT: 200,
    Fault.TOO_FEW_VECTORS: 200,
    Fault.WRONG_DIMENSION: 200,
    Fault.NAN_VALUE: 200,
    Fault.NULL_VALUE: 200,
}
"""What the run says that it met; None where no status arrived."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """120 chunks and an environment without settings; store and logs lie beside them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "knowledge_base", documents=DOCUMENTS, sections=SECTIONS)
    (tmp_path / "logs").mkdir()
    return tmp_path


async def ingest(
    base_url: str, *, call_timeout: float = 30.0
) -> tuple[RunReport, list[CallFailed]]:
    """One run in this process, by the working folder's defaults."""
    settings = load_settings(
        google_api_key=KEY,
        google_gemini_base_url=base_url,
        quota_rpm=0,
        quota_tpm=0,
        batch_size=4,
        concurrency=6,
        call_timeout=call_timeout,
    )
    events, reporting, failed = EventBus(), Progress(), list[CallFailed]()

    def note(event: Event) -> None:
        if isinstance(event, CallFailed):
            failed.append(event)

    events.subscribe(reporting)
    events.subscribe(note)
    await Ingestion(settings, IngestOptions(), events).run()
    return reporting.report, failed


async def assert_whole(folder: Path, report: RunReport) -> None:
    """All that was to be done is done, each text once."""
    assert report.texts_embedded == report.chunks["added"] == TEXTS
    assert report.documents["ingested"] == DOCUMENTS
    assert report.in_flight_at_end == report.chunks["rejected"] == 0
    collection = await read_embedded_async(folder / "chroma_db", folder / "logs")
    assert_holds(collection, chunks_of(folder / "knowledge_base"))


@pytest.mark.parametrize("fault", list(Fault))
async def test_each_fault_at_a_fifth_of_the_calls(folder: Path, fault: Fault) -> None:
    """It is met, told with its status, tried again, and leaves no trace."""
    # Above what a busy machine takes for an answer, below what a test may take.
    call_timeout = 2.0 if fault is Fault.HANG else 30.0
    with background_simulator(faults={fault: 0.2}, seed=SEED, fault_retry_delay_s=0.2) as simulator:
        report, failed = await ingest(simulator.base_url, call_timeout=call_timeout)
        met = simulator.stats().faults[fault]
        # Correct answers, each to the last byte: none is asked for again.
        assert set(simulator.answers().values()) == {1}
    assert met >= 3
    assert len(failed) == report.calls["retried"] == met
    assert {failure.status for failure in failed} == {STATUS[fault]}
    await assert_whole(folder, report)


async def test_a_mix_of_all_faults(folder: Path) -> None:
    """A third of the calls meets one fault or another."""
    faults = dict.fromkeys(Fault, 0.3 / len(Fault))
    with background_simulator(faults=faults, seed=SEED, fault_retry_delay_s=0.2) as simulator:
        report, failed = await ingest(simulator.base_url, call_timeout=3.0)
        assert set(simulator.answers().values()) == {1}
    assert len({failure.reason for failure in failed}) >= 3
    assert report.calls["started"] == report.calls["answered"] + report.calls["retried"]
    await assert_whole(folder, report)
