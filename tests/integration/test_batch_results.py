"""A job's results as they come: time, memory, and rows of all kinds."""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx2
import numpy as np
import orjson
import pytest

from waypoint.embedding.providers.gemini_jobs import GeminiJobs
from waypoint.ingestion.jobs.collect import Collector
from waypoint.models import EmbeddingSpace
from waypoint.observe.events import EventBus
from waypoint.storage.ledger.records import JobLimits, PooledText
from waypoint.storage.ledger.thread import open_ledger

SPACE = EmbeddingSpace("simulator", "gemini-embedding-001", 768, "RETRIEVAL_DOCUMENT")
ROWS = 33_000
MOST_CPU = 60.0
MOST_GROWTH = 150e6
"""Bytes of memory, for results of 350 MB."""


def key_of(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


class ResultsServer:
    """Serves the results file of one job, made as it is sent."""

    def __init__(self) -> None:
        self.sent = 0

    async def stream(self) -> AsyncIterator[bytes]:
        draw = np.random.default_rng(0)
        values = [float(each) for each in draw.random(768)]
        body = orjson.dumps({"embedding": {"values": values}, "tokenCount": "9"})
        for number in range(ROWS):
            line = b'{"response":' + body + b',"key":"' + key_of(number).hex().encode() + b'"}\n'
            self.sent += len(line)
            yield line

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=self.stream())


@pytest.mark.slow
async def test_results_of_350_mb_are_read_line_by_line(tmp_path: Path) -> None:
    """33,000 rows are checked and committed in a minute of CPU, and memory does not grow."""
    server = ResultsServer()
    async with (
        open_ledger(tmp_path) as ledger,
        httpx2.AsyncClient(transport=httpx2.MockTransport(server)) as client,
    ):
        jobs = ledger.batch
        for begin in range(0, ROWS, 500):
            texts = [PooledText(key_of(n), f"text {n}", 9) for n in range(begin, begin + 500)]
            await jobs.pool_texts(SPACE, texts)
        job = await jobs.prepare_job(SPACE, "account", JobLimits(ROWS, 10**9))
        assert job is not None
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        service = GeminiJobs(client, "key", {}, "http://127.0.0.1", "v1beta", 60.0)
        collector = Collector(ledger, jobs, EventBus())
        tally = await collector.collect(service, job, "files/batch-1")
        cpu = time.process_time() - began
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        assert tally is not None
        assert (tally.committed, (await jobs.texts_left(job.id)).texts) == (ROWS, 0)
        assert server.sent > 350e6
        assert cpu < MOST_CPU
        assert growth < MOST_GROWTH
