"""The batch API by plain HTTP requests, as its reference has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
import orjson

MODEL = "gemini-embedding-001"
KEY = {"x-goog-api-key": "any"}


def input_line(key: str, text: str, dimensions: int = 768) -> bytes:
    """A line of a job's input file."""
    request = {
        "content": {"parts": [{"text": text}]},
        "taskType": "RETRIEVAL_DOCUMENT",
        "outputDimensionality": dimensions,
    }
    return orjson.dumps({"key": key, "request": request}, option=orjson.OPT_APPEND_NEWLINE)


class BatchClient:
    """Each method is one exchange, whose answer is returned whatever it is."""

    def __init__(self, http: httpx2.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base = base_url

    async def start(self, size: int, **file: str) -> httpx2.Response:
        headers = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(size),
            "x-goog-upload-header-content-type": "application/jsonl",
        }
        return await self._http.post(
            f"{self._base}/upload/v1beta/files", headers=KEY | headers, json={"file": file}
        )

    async def send(
        self, url: str, content: bytes, offset: int = 0, command: str = "upload, finalize"
    ) -> httpx2.Response:
        headers = {"x-goog-upload-command": command, "x-goog-upload-offset": str(offset)}
        return await self._http.post(url, headers=headers, content=content)

    async def upload(self, content: bytes, name: str) -> httpx2.Response:
        """A whole file; returns the last answer."""
        started = await self.start(len(content), name=f"files/{name}")
        if started.status_code != 200:
            return started
        return await self.send(started.headers["x-goog-upload-url"], content)

    async def create(self, name: str, display_name: str, model: str = MODEL) -> httpx2.Response:
        batch = {"inputConfig": {"file_name": f"files/{name}"}, "displayName": display_name}
        url = f"{self._base}/v1beta/models/{model}:asyncBatchEmbedContent"
        return await self._http.post(url, headers=KEY, json={"batch": batch})

    async def get(self, path: str, **query: str) -> httpx2.Response:
        return await self._http.get(f"{self._base}/v1beta/{path}", headers=KEY, params=query)

    async def delete(self, path: str) -> httpx2.Response:
        return await self._http.delete(f"{self._base}/v1beta/{path}", headers=KEY)

    async def cancel(self, job: str) -> httpx2.Response:
        return await self._http.post(f"{self._base}/v1beta/{job}:cancel", headers=KEY)

    async def queue(self, texts: Sequence[str], name: str = "wp-1") -> dict[str, Any]:
        """Upload the texts, keyed by their number, and make a job of them."""
        lines = b"".join(input_line(str(number), text) for number, text in enumerate(texts))
        assert (await self.upload(lines, name)).status_code == 200
        created = await self.create(name, name)
        assert created.status_code == 200, created.text
        job: dict[str, Any] = created.json()
        return job

    async def results(self, job: str) -> list[dict[str, Any]]:
        """The lines of its results file."""
        told = (await self.get(job)).json()
        file = told["metadata"]["output"]["responsesFile"]
        answer = await self.get(f"{file}:download", alt="media")
        assert answer.status_code == 200, answer.text
        return [orjson.loads(line) for line in answer.content.splitlines()]
