"""What a fixed corpus costs, counted, not timed: a busy machine changes none of it.

A figure that grows here is a regression, or has to be explained where it is raised.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.collection import SIMULATED
from tests.support.corpus import write_corpus
from tests.support.counting import Counts, count_ingestion
from waypoint.benchmark.corpus import CorpusSettings
from waypoint.benchmark.corpus import write_corpus as write_exact_corpus
from waypoint.ingestion.chunk import GROUP
from waypoint.ingestion.pipeline import GROUP_BUFFER, ORDER_BUFFER, TO_EMBED_BUFFER
from waypoint.ingestion.write import ROWS
from waypoint.settings import Settings
from waypoint.sources.kinds import open_source
from waypoint.sources.port import Root
from waypoint.storage.passing_names import beside, replaced

DOCUMENTS, SECTIONS = 40, 30
CHUNKS = DOCUMENTS * SECTIONS
BATCH = 100


PASSING = {f"GET {name(SIMULATED)}": 1 for name in (beside, replaced)}
"""Each run looks whether a death left the collection, or a copy of it, under another name."""


def settings_in(folder: Path, **changes: object) -> Settings:
    """A fresh store, small vectors, and nothing of this machine's environment."""
    (folder / "store").mkdir(exist_ok=True)
    base = {
        "knowledge_base_path": folder / "kb",
        "chroma_persist_path": folder / "store",
        "log_dir": folder,
        "embedding_dimensions": 128,
        "concurrency": 4,
        "batch_size": BATCH,
        "chunk_size": 600,
        "chunk_overlap": 90,
        "chroma_host": None,
    }
    return Settings.model_validate({**base, **changes})


def test_a_first_run_and_one_with_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is read once, each text sent once, each chunk written once; then nothing."""
    write_corpus(tmp_path / "kb", documents=DOCUMENTS, sections=SECTIONS)
    files = sorted((tmp_path / "kb").rglob("*.md"))
    for path in files:
        # Old enough that its times are believed.
        os.utime(path, (1_700_000_000, 1_700_000_000))
    settings = settings_in(tmp_path)

    first = count_ingestion(settings, monkeypatch)
    assert first.files_opened == dict.fromkeys(map(str, files), 1)
    assert first.bytes_read == sum(path.stat().st_size for path in files)
    assert first.calls == CHUNKS // BATCH
    assert_statements_are_few(first)
    assert_requests_are_few(first)
    # The stages, four workers, the readers, and a few for the run: none by the chunk or the call.
    tasks = 18 + open_source([Root("", settings)]).readers
    assert first.tasks.total() <= tasks
    assert first.alive_at_end == {}

    again = count_ingestion(settings, monkeypatch)
    assert (again.calls, again.bytes_read, again.files_opened) == (0, 0, {})
    assert again.requests == PASSING | {f"GET {SIMULATED}": 1, "GET count": 1}
    # The files of a step of the walk are known by one statement; each is marked, in a database
    # of its own.
    assert again.statements.pop("INSERT seen") == DOCUMENTS
    assert again.statements.total() <= 72
    assert again.tasks.total() <= tasks


def assert_statements_are_few(counts: Counts) -> None:
    """Two for a chunk, five for a document, nine for a call, and some for the run."""
    statements = counts.statements
    assert statements["INSERT vectors"] == statements["INSERT chunks"] == CHUNKS
    assert statements["INSERT documents"] == 2 * DOCUMENTS
    assert statements["INSERT seen"] == statements["DELETE chunks"] == DOCUMENTS
    assert statements["DELETE rejects"] <= DOCUMENTS + 1
    assert statements["INSERT usage"] == counts.calls
    # One for each group that is looked up; a group ends with a parcel of files.
    assert statements["SELECT vectors"] <= CHUNKS // GROUP + 4
    known = 2 * CHUNKS + 5 * DOCUMENTS + 9 * counts.calls
    # A new ledger goes through each step of its schema.
    assert statements.total() - known <= 80


def assert_requests_are_few(counts: Counts) -> None:
    """One for a call, one upsert for a thousand rows, and to Chroma a fixed number besides."""
    assert counts.requests == PASSING | {
        "POST gemini-embedding-001:batchEmbedContents": counts.calls,
        "POST upsert": -(-CHUNKS // ROWS),
        f"GET {SIMULATED}": 1,
        "POST collections": 1,
        "GET count": 1,
        "PUT <id>": 1,
    }


def test_memory_is_bounded_by_the_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many chunks there are, those on the way are what the streams hold."""
    chunks, concurrency, batch = 6_000, 2, 50
    write_exact_corpus(tmp_path / "kb", CorpusSettings(chunks, (100,), files=60))
    settings = settings_in(
        tmp_path, chunk_size=100, chunk_overlap=0, concurrency=concurrency, batch_size=batch
    )
    counts = count_ingestion(settings, monkeypatch, watch_memory=True)
    assert counts.statements["INSERT chunks"] == chunks
    # What the streams hold, and one message in the hands of each stage beside them; of the
    # writer, what it has gathered, and as much that is being written.
    groups = (GROUP_BUFFER + 2 + TO_EMBED_BUFFER + 2) * GROUP
    batches = (2 * concurrency + 1 + ORDER_BUFFER) * batch
    bound = groups + batches + 2 * ROWS
    assert bound < chunks
    assert ROWS <= counts.most_alive["Chunk"] <= bound
    assert counts.most_alive["Candidate"] <= bound
    assert counts.most_alive["Addition"] <= batches + 2 * ROWS
    assert counts.alive_at_end == {}
