"""What Chroma answers, told as an error of ours."""

from __future__ import annotations

import httpx2
import orjson
import pytest

from waypoint.bounded_http import UnusableAnswerError
from waypoint.errors import StoreDamagedError, StoreUnavailableError, StoreWriteError
from waypoint.storage.chroma.decode import Page, read_answer
from waypoint.storage.chroma.service_errors import (
    ChromaRefusalError,
    TransientStoreError,
    translate_store_error,
)


def answer(status: int, content: bytes) -> httpx2.HTTPStatusError:
    request = httpx2.Request("POST", "http://chroma/upsert")
    response = httpx2.Response(status, content=content, request=request)
    return httpx2.HTTPStatusError("refused", request=request, response=response)


def told(status: int, name: str, message: str) -> Exception:
    body = orjson.dumps({"error": name, "message": message})
    return translate_store_error("write chunks", answer(status, body))


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (404, "NotFoundError", "Collection [x] does not exist", StoreDamagedError),
        (500, "InternalError", "Error loading hnsw index", StoreDamagedError),
        (500, "InternalError", "database or disk is full", StoreWriteError),
        (500, "InternalError", "something else", TransientStoreError),
        (429, "RateLimitError", "too many", TransientStoreError),
        (400, "InvalidArgumentError", "dimension of 3, got 4", ChromaRefusalError),
        (
            400,
            "InvalidArgumentError",
            "Error executing plan: Error sending backfill request to compactor: Failed to pull",
            TransientStoreError,
        ),
        (413, "BatchSizeExceededError", "too many", ChromaRefusalError),
        (503, "UnheardOfError", "later", TransientStoreError),
    ],
)
def test_chromas_own_errors(status: int, name: str, message: str, kind: type[Exception]) -> None:
    """Its name and message decide, not the status; no more is tried of what it refuses."""
    error = told(status, name, message)
    assert type(error) is kind
    if kind is not TransientStoreError:
        assert message in str(error)


def test_answers_that_are_not_chromas_may_pass() -> None:
    """A proxy's page, with an error or without one."""
    with pytest.raises(UnusableAnswerError) as unreadable:
        read_answer(b"<html>", Page)
    page = answer(502, b"<html>Bad Gateway</html>")
    for error in (page, unreadable.value):
        translated = translate_store_error("read", error)
        assert isinstance(translated, TransientStoreError)
        assert translated.foreign
    assert told(500, "InternalError", "something").suspicious  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [401, 403])
def test_who_wants_credentials_is_not_asked_again(status: int) -> None:
    """Whether Chroma says it or a proxy before it."""
    for told_by in (b"<html>", orjson.dumps({"error": "AuthError", "message": "Forbidden"})):
        error = translate_store_error("write", answer(status, told_by))
        assert isinstance(error, StoreUnavailableError)
        assert f"HTTP {status}" in error.message
        assert "CHROMA_API_KEY" in error.hint


def test_what_is_no_answer_of_chroma_stays_what_it_is() -> None:
    """A bug of ours must not look like one of the server."""
    error = KeyError("ids")
    assert translate_store_error("read", error) is error
