"""The adapter for batch jobs: what it makes of answers that are not as they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import numpy as np
import orjson
import pytest

from waypoint.embedding.batch_jobs.port import JobState, MissingError, NameTakenError
from waypoint.embedding.batch_jobs.rows import MOST_LINE, result_rows
from waypoint.embedding.port import CallRefusedError, QuotaExceededError, TransientCallError
from waypoint.embedding.providers.gemini_jobs import GeminiJobs
from waypoint.models import EmbeddingSpace

BASE = "http://127.0.0.1:1/gateway"
SPACE = EmbeddingSpace("gemini", "gemini-embedding-001", 768, "RETRIEVAL_DOCUMENT")
SECRET = "the words of a document"
KEY = "ab" * 32

Answer = Callable[[httpx2.Request], httpx2.Response]


@asynccontextmanager
async def answered_by(answer: Answer) -> AsyncIterator[GeminiJobs]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        yield GeminiJobs(client, "key", {"x-goog-api-key": "key"}, BASE, "v1beta", 5.0)


def always(status: int, body: object, **headers: str) -> Answer:
    return lambda request: httpx2.Response(status, json=body, headers=headers)


def error(code: int, status: str, message: str = "") -> dict[str, object]:
    return {"error": {"code": code, "status": status, "message": message}}


async def upload(jobs: GeminiJobs) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"line\n"

    await jobs.upload("wp-1", 5, content())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (always(404, {"detail": "Not Found"}), CallRefusedError),
        (always(405, {}), CallRefusedError),
        (always(501, {}), CallRefusedError),
        (
            always(400, error(400, "FAILED_PRECONDITION", "Precondition check failed.")),
            CallRefusedError,
        ),
        (always(409, error(409, "ALREADY_EXISTS")), NameTakenError),
        (always(429, error(429, "RESOURCE_EXHAUSTED")), QuotaExceededError),
        (always(503, error(503, "UNAVAILABLE")), TransientCallError),
        (always(200, {}), CallRefusedError),
        (always(200, {}, **{"x-goog-upload-url": "http://elsewhere/upload"}), CallRefusedError),
        (
            always(200, error(500, "INTERNAL"), **{"x-goog-upload-url": f"{BASE}/u"}),
            TransientCallError,
        ),
        (
            always(200, error(409, "ALREADY_EXISTS"), **{"x-goog-upload-url": f"{BASE}/u"}),
            NameTakenError,
        ),
        (always(200, {"other": 1}, **{"x-goog-upload-url": f"{BASE}/u"}), TransientCallError),
    ],
)
async def test_an_upload_that_is_not_taken(answer: Answer, kind: type[Exception]) -> None:
    """A gateway without files, a name that is taken, an error in a 200, another's address."""
    async with answered_by(answer) as jobs:
        with pytest.raises(kind) as raised:
            await upload(jobs)
        assert type(raised.value) is kind
        if isinstance(raised.value, CallRefusedError):
            assert raised.value.doubtful


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500])
async def test_no_refusal_of_a_job_quotes_a_document(status: int) -> None:
    """The service's own words may."""
    answer = always(status, error(status, "INVALID_ARGUMENT", f"Invalid value: '{SECRET}'"))
    async with answered_by(answer) as jobs:
        with pytest.raises(Exception) as raised:
            await jobs.create(SPACE, "wp-1", "wp-1")
        if status == 409:
            assert isinstance(raised.value, TransientCallError), "whether it was made is not known"
        if status == 400:
            assert SECRET not in str(raised.value)


@pytest.mark.parametrize("status", [403, 404])
async def test_what_is_gone_is_missing(status: int) -> None:
    """A job, a file, or results."""
    async with answered_by(always(status, error(status, "NOT_FOUND"))) as jobs:
        for ask in (jobs.get("batches/x"), jobs.cancel("batches/x"), jobs.file_size("wp-1")):
            with pytest.raises(MissingError):
                await ask
        with pytest.raises(MissingError):
            async with jobs.download("files/batch-x"):
                pass


async def test_jobs_of_other_kinds_are_left_out_of_the_list() -> None:
    """What cannot be told what it is, too; pages are followed."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if "pageToken" in request.url.params:
            job = {"name": "batches/2", "metadata": {"state": "BATCH_STATE_RUNNING"}}
            return httpx2.Response(200, json={"operations": [job]})
        others = [{"name": "batches/1"}, "x", {"name": "../1", "metadata": {}}]
        return httpx2.Response(200, json={"operations": others, "nextPageToken": "2"})

    async with answered_by(answer) as jobs:
        listed = [job async for job in jobs.list()]
    assert [(job.name, job.state, job.untouched) for job in listed] == [
        ("batches/2", JobState.RUNNING, None)
    ]


async def test_lines_come_whole_however_they_are_cut() -> None:
    """One that is too long is empty; the last needs no end."""
    content = b"a" * 5 + b"\n" + b"b" * (MOST_LINE + 10) + b"\nccc\n\nlast"

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(content), 40_000):
            yield content[begin : begin + 40_000]

    async with (
        answered_by(lambda request: httpx2.Response(200, content=pieces())) as jobs,
        jobs.download("files/batch-x") as lines,
    ):
        assert [line async for line in lines] == [b"aaaaa", b"", b"ccc", b"", b"last"]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"key": KEY, "error": {"code": 3, "message": SECRET}}, 3),
        ({"key": KEY, "status": {"code": 13}}, 13),
        ({"key": KEY, "error": "no object"}, 0),
        ({"key": KEY}, 0),
        ({"key": KEY, "response": None}, None),
        ({"key": KEY, "response": {"embedding": {"values": [None] * 768}}}, None),
        ({"key": KEY, "response": {"embedding": {"values": [0.0] * 768}}}, None),
        ({"key": KEY, "response": {"embedding": {"values": [1.0] * 767}}}, None),
    ],
)
def test_rows_that_bring_no_vector(row: dict[str, object], error: int | None) -> None:
    """An error is not billed; what is malformed may be."""
    (found,) = result_rows([orjson.dumps(row)], 768)
    assert (found.vector, found.error) == (None, error)


def test_rows_of_nobody_and_rows_that_are_too_long() -> None:
    """Without a key of ours they are left out; more values than asked for are cut."""
    nobody = [b"", b"x", b"[]", b'{"key":7}', b'{"key":"ab"}', b'{"key":"xyz"}', b"\xff"]
    assert result_rows(nobody, 768) == []
    values = np.full(3_072, 0.5)
    row = {"key": KEY, "response": {"embedding": {"values": values.tolist()}, "tokenCount": "9"}}
    (found,) = result_rows([orjson.dumps(row)], 768)
    assert found.vector is not None
    assert found.vector.shape == (768,)
    assert np.linalg.norm(found.vector) == pytest.approx(1)
    assert (found.count(5, 100), found.count(5, 1)) == (9, 9)
