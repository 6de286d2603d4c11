"""The simulator's files and batch jobs: names, sizes, states, bills and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx2
import numpy as np
import pytest
from google import genai
from google.genai import types

from tests.support.batch_client import MODEL, BatchClient, input_line
from waypoint.simulator import JobFault, Simulator, SimulatorSettings, vector_of

TEXTS = [f"text number {number} of the job" for number in range(25)]
END = 60 + 30 * len(TEXTS) / 1000 + 1
"""Seconds of the jobs' clock after which a job of these texts has ended."""


def still() -> Callable[[], int]:
    """A clock that stands still: time passes by ``advance`` alone."""
    return lambda: 0


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[tuple[Simulator, BatchClient]]:
    async with (
        Simulator(SimulatorSettings(**settings), clock=still()) as simulator,
        httpx2.AsyncClient(timeout=10) as http,
    ):
        yield simulator, BatchClient(http, simulator.base_url)


def state_of(job: dict[str, Any]) -> str:
    return str(job["metadata"]["state"]).removeprefix("BATCH_STATE_")


async def test_a_job_runs_from_its_file_to_its_results_at_half_the_price() -> None:
    """Its vectors are those of calls; each text is billed once, whoever fetches the results."""
    async with opened() as (simulator, client):
        job = await client.queue(TEXTS)
        assert (state_of(job), job["metadata"]["batchStats"]) == (
            "PENDING",
            {"requestCount": "25", "pendingRequestCount": "25"},
        )
        simulator.advance(61 - 0.5)
        assert state_of((await client.get(job["name"])).json()) == "RUNNING"
        assert simulator.stats().job_texts_billed == 0
        simulator.advance(END)
        ended = (await client.get(job["name"])).json()
        assert state_of(ended) == "SUCCEEDED"
        assert ended["done"] is True
        for _ in range(2):
            rows = await client.results(job["name"])
        assert [row["key"] for row in rows] == [str(number) for number in range(25)]
        for row, text in zip(rows, TEXTS, strict=True):
            values = np.array(row["response"]["embedding"]["values"], np.float32)
            assert np.array_equal(values, vector_of(text, MODEL, 768))
        stats = simulator.stats()
        assert stats.job_texts_billed == 25
        tokens = sum(int(row["response"]["tokenCount"]) for row in rows)
        assert stats.job_tokens_billed == tokens
        assert stats.cost_usd == pytest.approx(tokens * 0.075 / 1e6)
        digest = sha256(TEXTS[0].encode()).hexdigest()
        assert simulator.answers_by_text()[digest] == 1


async def test_the_sdk_uploads_creates_lists_and_downloads() -> None:
    """The simulator speaks as the SDK expects."""
    async with (
        opened(batch_speed=0.0) as (simulator, _),
        httpx2.AsyncClient(timeout=10) as http,
    ):
        options = types.HttpOptions(
            base_url=simulator.base_url, api_version="v1beta", httpx_async_client=http
        )
        client = genai.Client(api_key="any", http_options=options).aio
        import io

        lines = b"".join(input_line(str(number), text) for number, text in enumerate(TEXTS))
        file = await client.files.upload(
            file=io.BytesIO(lines),
            config=types.UploadFileConfig(name="wp-sdk", mime_type="application/jsonl"),
        )
        assert (file.name, file.size_bytes) == ("files/wp-sdk", len(lines))
        with pytest.warns(match="experimental"):
            job = await client.batches.create_embeddings(
                model=MODEL,
                src=types.EmbeddingsBatchJobSource(file_name=file.name),
                config=types.CreateEmbeddingsBatchJobConfig(display_name="wp-sdk"),
            )
        assert job.name
        simulator.advance(END)
        listed = [each async for each in await client.batches.list()]
        assert [(each.name, each.display_name) for each in listed] == [(job.name, "wp-sdk")]
        done = await client.batches.get(name=job.name)
        assert done.state is types.JobState.JOB_STATE_SUCCEEDED
        assert done.dest
        assert done.dest.file_name
        results = await client.files.download(file=done.dest.file_name)
        assert len(results.splitlines()) == len(TEXTS)


async def test_uploads_go_on_by_offset_and_hold_their_name() -> None:
    """A name is taken from the start on, seen only once it is whole, and free after deletion."""
    async with opened() as (simulator, client):
        url = (await client.start(6, name="files/wp-1")).headers["x-goog-upload-url"]
        assert (await client.start(6, name="files/wp-1")).status_code == 409
        assert (await client.get("files/wp-1")).status_code == 403
        assert (await client.send(url, b"abc", 0, "upload")).status_code == 200
        query = await client.send(url, b"", 0, "query")
        assert query.headers["x-goog-upload-size-received"] == "3"
        assert (await client.send(url, b"def", 2)).status_code == 400
        done = await client.send(url, b"def", 3)
        assert done.headers["x-goog-upload-status"] == "final"
        assert done.json()["file"]["sizeBytes"] == "6"
        assert (await client.get("files/wp-1")).json()["state"] == "ACTIVE"
        assert (await client.delete("files/wp-1")).status_code == 200
        assert (await client.delete("files/wp-1")).status_code == 403
        assert (await client.upload(b"again", "wp-1")).status_code == 200
        simulator.advance(48 * 3600)
        assert (await client.get("files")).json() == {"files": []}


@pytest.mark.parametrize(
    ("name", "size", "status"),
    [("Wp", 3, 400), ("w" * 41, 3, 400), ("wp-2", 2_000_000_001, 400), ("wp-2", 900, 429)],
)
async def test_what_no_file_may_be_is_refused(name: str, size: int, status: int) -> None:
    """Names have 40 characters of few kinds, a file 2 GB, a project what it is given."""
    async with opened(file_storage_bytes=1000) as (_, client):
        assert (await client.upload(b"x" * 200, "wp-1")).status_code == 200
        assert (await client.start(size, name=f"files/{name}")).status_code == status


async def test_jobs_are_listed_by_the_page_and_late() -> None:
    """The newest first, and not before the lag has passed."""
    async with opened(job_list_lag_s=120) as (simulator, client):
        names = [(await client.queue(TEXTS, f"wp-{number}"))["name"] for number in range(3)]
        assert (await client.get("batches")).json() == {"operations": []}
        simulator.advance(120)
        first = (await client.get("batches", pageSize="2")).json()
        rest = (await client.get("batches", pageToken=first["nextPageToken"])).json()
        assert "nextPageToken" not in rest
        listed = [each["name"] for each in (*first["operations"], *rest["operations"])]
        assert listed == names[::-1]


async def test_the_queue_is_full_without_a_word_and_takes_more_when_a_job_has_ended() -> None:
    """A 429 with neither a quota nor a delay."""
    async with opened(batch_queue_tokens=200) as (simulator, client):
        await client.queue(TEXTS)
        await client.upload(input_line("a", "b" * 400), "wp-2")
        refused = await client.create("wp-2", "wp-2")
        assert refused.status_code == 429
        kinds = [each["@type"].rpartition(".")[2] for each in refused.json()["error"]["details"]]
        assert kinds == ["Help"]
        simulator.advance(END)
        assert (await client.create("wp-2", "wp-2")).status_code == 200
        assert simulator.stats().job_refusals == 1


async def test_no_job_is_made_of_a_bad_line_an_unknown_model_or_without_the_right() -> None:
    """The first bad line is named."""
    async with opened() as (simulator, client):
        await client.upload(input_line("a", "good") + input_line("b", ""), "wp-1")
        refused = await client.create("wp-1", "wp-1")
        assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert "Line 2 " in refused.json()["error"]["message"]
        assert (await client.create("wp-1", "wp-1", model="nothing")).status_code == 404
        simulator.configure(no_batch=True)
        refused = await client.create("wp-1", "wp-1")
        assert refused.json()["error"]["status"] == "FAILED_PRECONDITION"
        assert (await client.get("batches")).json() == {"operations": []}


async def test_a_cancelled_job_is_billed_for_what_was_done() -> None:
    """One that was pending, for nothing; a deleted one goes on."""
    async with opened(job_ms_per_text=1000) as (simulator, client):
        pending = await client.queue(TEXTS, "wp-1")
        assert (await client.cancel(pending["name"])).json() == {}
        simulator.advance(10)
        ended = (await client.get(pending["name"])).json()
        assert (state_of(ended), ended["error"]["code"]) == ("CANCELLED", 13)
        assert simulator.stats().job_texts_billed == 0
        running = await client.queue(TEXTS, "wp-2")
        simulator.advance(60 + 10)
        await client.cancel(running["name"])
        simulator.advance(10)
        assert simulator.stats().job_texts_billed == 15
        deleted = await client.queue(TEXTS, "wp-3")
        assert (await client.delete(deleted["name"])).json() == {}
        assert (await client.get(deleted["name"])).status_code == 404
        simulator.advance(100)
        assert simulator.stats().job_texts_billed == 15 + 25


async def run_with(
    fault: JobFault, simulator: Simulator, client: BatchClient, name: str = ""
) -> list[dict[str, Any]]:
    simulator.configure(job_fault_script=[fault])
    job = await client.queue(TEXTS, name or f"wp-{fault.replace('_', '-')}")
    simulator.advance(END)
    return await client.results(job["name"])


async def test_results_go_wrong_as_they_are_told_to() -> None:
    """Rows that fail, are missing, in another order, too long, or not numbers."""
    async with opened() as (simulator, client):
        rows = await run_with(JobFault.ROW_ERRORS, simulator, client)
        assert [row["error"]["code"] for row in rows if "error" in row] == [13] * 5
        assert simulator.stats().job_texts_billed == 20
        rows = await run_with(JobFault.MISSING_ROWS, simulator, client)
        assert len(rows) == 22
        assert simulator.stats().job_texts_billed == 20 + 25
        rows = await run_with(JobFault.SHUFFLED_ROWS, simulator, client)
        keys = [int(row["key"]) for row in rows]
        assert keys != sorted(keys)
        assert sorted(keys) == list(range(25))
        rows = await run_with(JobFault.FULL_DIMENSIONS, simulator, client)
        values = rows[0]["response"]["embedding"]["values"]
        assert len(values) == 3072
        assert np.array_equal(np.float32(values[:768]), vector_of(TEXTS[0], MODEL, 768))
        rows = await run_with(JobFault.NULL_VALUE, simulator, client)
        assert rows[0]["response"]["embedding"]["values"][0] is None
        simulator.configure(poison=TEXTS[3])
        rows = await run_with(JobFault.ROW_ERRORS, simulator, client, "wp-last")
        assert [row["key"] for row in rows if row.get("error", {}).get("code") == 3] == ["3"]


async def test_jobs_that_bring_nothing() -> None:
    """One that is stuck expires after two days; one fails; the results of one are gone."""
    async with opened() as (simulator, client):
        script = [JobFault.STUCK, JobFault.FAILED, JobFault.RESULTS_GONE]
        simulator.configure(job_fault_script=script)
        stuck, failed, gone = [await client.queue(TEXTS, f"wp-{each}") for each in range(3)]
        simulator.advance(END)
        assert state_of((await client.get(stuck["name"])).json()) == "PENDING"
        told = (await client.get(failed["name"])).json()
        assert (state_of(told), told["error"]["code"]) == ("FAILED", 13)
        told = (await client.get(gone["name"])).json()
        file = told["response"]["responsesFile"]
        assert (await client.get(f"{file}:download", alt="media")).status_code == 404
        assert (await client.delete(file)).status_code == 400
        simulator.advance(48 * 3600)
        told = (await client.get(stuck["name"])).json()
        assert state_of(told) == "EXPIRED"
        assert "output" not in told["metadata"]
        assert simulator.stats().job_texts_billed == 25


async def test_answers_get_lost() -> None:
    """A job is made, made twice, or not made, while the client sees the connection end."""
    async with opened() as (simulator, client):
        lines = b"".join(input_line(str(number), text) for number, text in enumerate(TEXTS))
        simulator.configure(job_fault_script=[JobFault.UPLOAD_LOST, JobFault.UPLOAD_BROKEN])
        with pytest.raises(httpx2.TransportError):
            await client.upload(lines, "wp-1")
        assert (await client.get("files/wp-1")).status_code == 200
        with pytest.raises(httpx2.TransportError):
            await client.upload(lines, "wp-2")
        assert (await client.get("files/wp-2")).status_code == 403
        assert (await client.start(9, name="files/wp-2")).status_code == 409
        simulator.configure(job_fault_script=[JobFault.UPLOAD_ERROR])
        answer = await client.upload(lines, "wp-3")
        assert (answer.status_code, answer.json()["error"]["code"]) == (200, 500)
        assert "x-goog-upload-status" not in answer.headers
        script = [JobFault.CREATE_LOST, JobFault.CREATE_DROPPED, JobFault.CREATED_TWICE]
        simulator.configure(job_fault_script=script)
        for _ in range(2):
            with pytest.raises(httpx2.TransportError):
                await client.create("wp-1", "wp-1")
        assert (await client.create("wp-1", "wp-1")).status_code == 200
        assert len((await client.get("batches")).json()["operations"]) == 3
        simulator.configure(job_fault_script=[JobFault.DOWNLOAD_CUT])
        job = await client.queue(TEXTS, "wp-4")
        simulator.advance(END)
        with pytest.raises(httpx2.TransportError):
            await client.results(job["name"])
        assert len(await client.results(job["name"])) == 25


async def test_a_day_passes_in_a_second() -> None:
    """The clock of files and jobs may run faster than the world's."""
    now = [0]
    settings = SimulatorSettings(batch_speed=86_400)
    async with (
        Simulator(settings, clock=lambda: now[0]) as simulator,
        httpx2.AsyncClient(timeout=10) as http,
    ):
        client = BatchClient(http, simulator.base_url)
        job = await client.queue(TEXTS)
        now[0] += 1_000_000
        simulator.configure(batch_speed=1.0)
        assert state_of((await client.get(job["name"])).json()) == "SUCCEEDED"
