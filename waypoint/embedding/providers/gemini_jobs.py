"""Batch jobs of the Gemini API, over a transport of our own.

The SDK re-sends hidden, holds whole files in memory and drops fields; these ten exchanges are
all that is needed of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from waypoint.bounded_http import (
    BoundedTransport,
    UnusableAnswerError,
    answer_of,
    open_http_client,
)
from waypoint.embedding.batch_jobs.port import (
    JobState,
    MissingError,
    NameTakenError,
    ServiceJob,
)
from waypoint.embedding.batch_jobs.rows import MOST_LINE
from waypoint.embedding.port import CallRefusedError, LateAnswerError, TransientCallError
from waypoint.embedding.providers.awake import fail_after_awake
from waypoint.embedding.providers.error_answer import ErrorAnswer
from waypoint.embedding.providers.model_card import is_encrypted, without_version
from waypoint.embedding.providers.refusals import NOT_SERVED, Called, translate
from waypoint.errors import no_more_files
from waypoint.models import EmbeddingSpace

GOOGLE = "https://generativelanguage.googleapis.com"
KEY_HEADER = "x-goog-api-key"
UPLOAD_TIMEOUT = 600.0
"""Seconds that a file may take to be sent, and a results file between two of its bytes."""
PAGE = 100
MOST_PAGES = 1_000
_PIECE = 8 * 1024 * 1024
"""Bytes that are sent at once: a multiple of 256 KiB, as the service wants it."""
_STREAMED = "streamed"
"""The extension of a request whose answer is read by whoever asks."""
_KEPT_HEADERS = ("x-goog-upload-url", "x-goog-upload-status")
_JOB_NAME = re.compile(r"batches/[A-Za-z0-9_-]{1,100}")
_FILE_NAME = re.compile(r"files/[A-Za-z0-9_-]{1,100}")
_STATES = {f"BATCH_STATE_{state.name}": state for state in JobState}
_COUNT = re.compile(r"[0-9]{1,12}")
_MISSING = (403, 404)
_PRECONDITION = "FAILED_PRECONDITION"
_NO_JOBS = ("", "Precondition check failed.")
"""What is said, as users report, to an account that has no batch jobs."""
_OK = 200


class _JobTransport(BoundedTransport):
    """Keeps an upload's headers, and leaves a results file to be read as it comes."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.extensions.get(_STREAMED):
            return await httpx2.AsyncHTTPTransport.handle_async_request(self, request)
        return await super().handle_async_request(request)

    async def _taken(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        kept = {name: value for name in _KEPT_HEADERS if (value := response.headers.get(name))}
        told = await super()._taken(request, response)
        told = answer_of(request, told, told.content)
        told.headers.update(kept)
        return told


@dataclass(frozen=True, slots=True)
class GeminiJobs:
    """Built by :func:`open_jobs`."""

    client: httpx2.AsyncClient
    key: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Of each exchange: the key's, and those that a gateway wants."""
    base_url: str
    version: str
    """Of the API."""
    timeout: float
    """Seconds that an exchange may take."""

    @property
    def account(self) -> str:
        """As ``BatchJobs.account``."""
        digest = hashlib.sha256(b"waypoint batch jobs\0" + self.key.encode())
        return digest.hexdigest()[:16]

    async def upload(self, name: str, size: int, content: AsyncIterator[bytes]) -> None:
        """As ``BatchJobs.upload``."""
        headers = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(size),
            "x-goog-upload-header-content-type": "application/jsonl",
        }
        file = {"name": f"files/{name}", "display_name": name, "mime_type": "application/jsonl"}
        path = f"upload/{self.version}/files"
        started = await self._send("POST", path, headers=headers, json={"file": file})
        url = self._upload_url(started)
        sent, piece = 0, bytearray()
        async for part in content:
            piece += part
            while len(piece) > _PIECE:
                await self._send_piece(url, sent, bytes(piece[:_PIECE]), last=False)
                sent += _PIECE
                del piece[:_PIECE]
        answer = await self._send_piece(url, sent, bytes(piece), last=True)
        told = _object(answer)
        if "error" in told:
            # With status 200, as users have seen it.
            code = told["error"].get("code") if isinstance(told["error"], dict) else None
            raise _error(code if isinstance(code, int) else 500, answer)
        if not isinstance(told.get("file"), dict):
            raise TransientCallError("an upload's end without a file", _OK)

    async def file_size(self, name: str) -> int:
        """As ``BatchJobs.file_size``."""
        told = _object(await self._send("GET", f"{self.version}/files/{name}", "the file"))
        if (
            told.get("state", "ACTIVE") != "ACTIVE"
            or (size := _count(told.get("sizeBytes"))) is None
        ):
            raise TransientCallError("malformed answer (a file without its size)", _OK)
        return size

    async def delete_file(self, name: str) -> None:
        """As ``BatchJobs.delete_file``."""
        await self._send("DELETE", f"{self.version}/files/{name}", "the file")

    async def create(self, space: EmbeddingSpace, file: str, display_name: str) -> ServiceJob:
        """As ``BatchJobs.create``."""
        batch = {"inputConfig": {"file_name": f"files/{file}"}, "displayName": display_name}
        path = f"{self.version}/models/{space.model}:asyncBatchEmbedContent"
        try:
            made = await self._send("POST", path, model=space.model, json={"batch": batch})
        except NameTakenError as error:
            # Not a file's: whether there is a job is not known.
            raise TransientCallError(error.reason, error.status) from error
        return _job(_object(made))

    async def get(self, name: str) -> ServiceJob:
        """As ``BatchJobs.get``."""
        return _job(_object(await self._send("GET", f"{self.version}/{name}", "the job")))

    async def list(self) -> AsyncIterator[ServiceJob]:
        """As ``BatchJobs.list``; what is no job of embeddings is left out."""
        query = {"pageSize": str(PAGE)}
        for _ in range(MOST_PAGES):
            told = _object(await self._send("GET", f"{self.version}/batches", params=query))
            operations = told.get("operations", [])
            for each in operations if isinstance(operations, list) else []:
                try:
                    yield _job(each)
                except TransientCallError:
                    continue
            token = told.get("nextPageToken")
            if not isinstance(token, str) or not token:
                return
            query["pageToken"] = token

    async def cancel(self, name: str) -> None:
        """As ``BatchJobs.cancel``."""
        await self._send("POST", f"{self.version}/{name}:cancel", "the job")

    async def delete(self, name: str) -> None:
        """As ``BatchJobs.delete``."""
        await self._send("DELETE", f"{self.version}/{name}", "the job")

    @asynccontextmanager
    async def download(self, results: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """As ``BatchJobs.download``."""
        url = f"{self.base_url}/{self.version}/{results}:download"
        # Not packed: what it unpacks to is bounded by the line, not as a whole.
        headers = {**self.headers, "accept-encoding": "identity"}
        request = self.client.build_request(
            "GET",
            url,
            params={"alt": "media"},
            headers=headers,
            timeout=UPLOAD_TIMEOUT,
            extensions={_STREAMED: True},
        )
        try:
            response = await self.client.send(request, stream=True)
            try:
                if response.status_code in _MISSING:
                    raise MissingError("the results are gone", response.status_code)
                if response.status_code != _OK:
                    await response.aread()
                    raise _error(response.status_code, response)
                yield _lines(response)
            finally:
                await response.aclose()
        except httpx2.HTTPError as error:
            raise _broken(error) from error

    async def _send_piece(
        self, url: str, sent: int, piece: bytes, *, last: bool
    ) -> httpx2.Response:
        command = "upload, finalize" if last else "upload"
        # No key: the address is the secret.
        headers = {"x-goog-upload-command": command, "x-goog-upload-offset": str(sent)}
        return await self._exchange(
            self.client.build_request("POST", url, headers=headers, content=piece), UPLOAD_TIMEOUT
        )

    async def _send(
        self,
        method: str,
        path: str,
        what: str = "",
        *,
        model: str = "",
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """``what``: is missing after a 403 or a 404; empty for what can't be."""
        request = self.client.build_request(
            method,
            f"{self.base_url}/{path}",
            headers={**self.headers, **(headers or {})},
            json=json,
            params=params,
        )
        return await self._exchange(request, self.timeout, what, model)

    async def _exchange(
        self, request: httpx2.Request, deadline: float, what: str = "", model: str = ""
    ) -> httpx2.Response:
        try:
            with fail_after_awake(deadline):
                answer = await self.client.send(request)
        except TimeoutError:
            raise LateAnswerError(f"no answer within {deadline:g} s") from None
        except httpx2.HTTPError as error:
            raise _broken(error) from error
        if answer.status_code == _OK:
            return answer
        if what and answer.status_code in _MISSING:
            raise MissingError(f"{what} does not exist any more", answer.status_code)
        raise _error(answer.status_code, answer, model)

    def _upload_url(self, answer: httpx2.Response) -> str:
        url = answer.headers.get("x-goog-upload-url", "")
        try:
            parts, ours = urlsplit(url), urlsplit(self.base_url)
            same = (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)
        except ValueError:
            same = False
        if not same:
            # Documents' texts go where calls go, and nowhere else.
            raise CallRefusedError("uploads go to another address", _OK, doubtful=True)
        return str(url)


@asynccontextmanager
async def open_jobs(
    key: str, base_url: str | None, headers: Mapping[str, str], deadline: float
) -> AsyncIterator[GeminiJobs]:
    """Jobs of a key, over a client that is closed at the end."""
    base_url, version = without_version(base_url or GOOGLE)
    headers = {KEY_HEADER: key, **headers}
    async with open_http_client(_JobTransport, encrypted=is_encrypted(base_url)) as client:
        yield GeminiJobs(client, key, headers, base_url, version, deadline)


def _error(code: int, answer: httpx2.Response, model: str = "") -> Exception:
    """What the answer says, but for a refusal's own words: they may quote a document."""
    if code == httpx2.codes.CONFLICT:
        return NameTakenError("a file of that name exists", code)
    told = ErrorAnswer(code, httpx2.codes.get_reason_phrase(code), answer.content)
    if code in NOT_SERVED and not (model and told.is_googles):
        return CallRefusedError(f"{code}, not served", code, doubtful=True)
    if told.status == _PRECONDITION and told.message in _NO_JOBS:
        return CallRefusedError(f"{code} {told.status}", code, doubtful=True)
    failure = translate(told, Called(model))
    if isinstance(failure, CallRefusedError):
        reason = f"{code} {told.status}".strip()
        return CallRefusedError(reason, code, doubtful=failure.doubtful)
    return failure


async def _lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    """Whole lines; one that is too long is an empty one, since no key can be found in it."""
    rest = bytearray()
    too_long = False
    async for part in response.aiter_raw():
        *lines, last = part.split(b"\n")
        for line in lines:
            too_long = too_long or len(rest) + len(line) > MOST_LINE
            yield b"" if too_long else bytes(rest + line)
            rest.clear()
            too_long = False
        if len(rest) + len(last) > MOST_LINE:
            too_long = True
            rest.clear()
        elif not too_long:
            rest += last
    if rest:
        yield bytes(rest)


def _broken(error: httpx2.HTTPError) -> Exception:
    if isinstance(error, UnusableAnswerError):
        return TransientCallError(str(error), _OK)
    return no_more_files(error) or TransientCallError(f"connection failed ({type(error).__name__})")


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        told = orjson.loads(answer.content or b"{}")
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise TransientCallError("malformed answer (no JSON object)", _OK)
    return told


def _job(told: Any) -> ServiceJob:
    """
    Raises:
        TransientCallError: it is not as the service describes a job of embeddings.
    """
    metadata = told.get("metadata") if isinstance(told, dict) else None
    if not isinstance(metadata, dict) or not _matches(_JOB_NAME, told.get("name")):
        raise TransientCallError("malformed answer (not a job)", _OK)
    state = _STATES.get(str(metadata.get("state")))
    if state is None:
        raise TransientCallError(f"a job in the state {str(metadata.get('state'))[:40]!r}", _OK)
    output = metadata.get("output")
    results = output.get("responsesFile") if isinstance(output, dict) else None
    stats = metadata.get("batchStats")
    untouched = None
    if isinstance(stats, dict) and _count(stats.get("requestCount")):
        untouched = _count(stats.get("pendingRequestCount", "0"))
    display_name = metadata.get("displayName")
    return ServiceJob(
        told["name"],
        display_name if isinstance(display_name, str) else "",
        state,
        str(results) if _matches(_FILE_NAME, results) else "",
        untouched,
    )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _count(value: object) -> int | None:
    return int(str(value)) if _COUNT.fullmatch(str(value)) else None
