"""The HTTP of files and jobs, as ``google-genai`` and the REST reference have it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import orjson
from aiohttp import web

from waypoint.simulator import errors
from waypoint.simulator.batch.faults import UPLOAD_FAULTS, Exchange, JobFault
from waypoint.simulator.calls import find_model
from waypoint.simulator.errors import Refusal
from waypoint.simulator.responses import HEADERS, json_response, key_of, stay_silent

if TYPE_CHECKING:
    from waypoint.simulator.service import EmbeddingService

T = TypeVar("T")
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_VERSION = "{version:v1|v1beta}"
_MOST_A_PAGE = 100
_UPLOADED = {**HEADERS, "x-goog-upload-status": "final"}
_GOING_ON = {**HEADERS, "x-goog-upload-status": "active"}


def batch_routes(service: EmbeddingService) -> list[web.RouteDef]:
    """To be put before the route of all methods of a model."""
    handlers = _BatchHandlers(service)
    keyed = handlers.keyed
    model = rf"/{_VERSION}/models/{{model:[^:/]+}}"
    return [
        web.post(f"/upload/{_VERSION}/files", handlers.upload),
        web.get(f"/{_VERSION}/files", keyed(handlers.list_files)),
        web.get(
            rf"/{_VERSION}/files/{{name:[^:/]+}}:download",
            keyed(handlers.download, Exchange.DOWNLOAD),
        ),
        web.get(rf"/{_VERSION}/files/{{name:[^:/]+}}", keyed(handlers.get_file)),
        web.delete(
            rf"/{_VERSION}/files/{{name:[^:/]+}}",
            keyed(handlers.delete_file, Exchange.DELETE_FILE),
        ),
        web.post(f"{model}:asyncBatchEmbedContent", keyed(handlers.create, Exchange.CREATE)),
        web.get(f"/{_VERSION}/batches", keyed(handlers.list_jobs, Exchange.LIST)),
        web.get(rf"/{_VERSION}/batches/{{name:[^:/]+}}", keyed(handlers.get_job, Exchange.GET)),
        web.post(
            rf"/{_VERSION}/batches/{{name:[^:/]+}}:cancel",
            keyed(handlers.cancel, Exchange.CANCEL),
        ),
        web.delete(
            rf"/{_VERSION}/batches/{{name:[^:/]+}}",
            keyed(handlers.delete_job, Exchange.DELETE),
        ),
    ]


class _BatchHandlers:
    def __init__(self, service: EmbeddingService) -> None:
        self._service = service
        self._faults: dict[str, JobFault | None] = {}
        """Of uploads, by their id."""

    def keyed(self, handler: Handler, exchange: Exchange | None = None) -> Handler:
        """A handler that is reached with a good key alone, and whose refusals are answers."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                self._service.check_key(key_of(request))
                return await self._held(request, handler, exchange)
            except Refusal as refusal:
                return json_response(refusal.body(), refusal.code)

        return handle

    async def _held(
        self, request: web.Request, handler: Handler, exchange: Exchange | None
    ) -> web.StreamResponse:
        """Its answer; or the request is held, where the settings say so."""
        await self._hold(request, f"before {exchange}")
        response = await handler(request)
        await self._hold(request, f"after {exchange}")
        return response

    async def _hold(self, request: web.Request, moment: str) -> None:
        if self._service.settings.job_hold == moment:
            self._service.stats.held += 1
            await stay_silent(request, reset=False)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """The address of an upload is its secret: only its start needs a key."""
        if "upload_id" not in request.query:
            return await self.keyed(self._start_upload, Exchange.START_UPLOAD)(request)
        try:
            return await self._held(request, self._continue_upload, Exchange.UPLOAD)
        except Refusal as refusal:
            return json_response(refusal.body(), refusal.code)

    async def _start_upload(self, request: web.Request) -> web.StreamResponse:
        command = request.headers.get("x-goog-upload-command", "")
        if request.headers.get("x-goog-upload-protocol") != "resumable" or command != "start":
            raise errors.invalid_argument("The simulator takes resumable uploads alone.")
        described = await _json_of(request)
        length = request.headers.get("x-goog-upload-header-content-length", "")
        if not length.isdecimal():
            raise errors.invalid_argument("x-goog-upload-header-content-length is missing.")
        file = described.get("file")
        settings, files = self._service.settings, self._service.files
        upload = files.begin(
            file if isinstance(file, dict) else {}, int(length), settings.file_storage_bytes
        )
        self._faults[upload] = self._service.pick_job_fault(UPLOAD_FAULTS)
        url = f"{request.scheme}://{request.host}{request.path}?upload_id={upload}"
        headers = {**_GOING_ON, "x-goog-upload-url": url}
        return web.Response(body=b"", headers=headers)

    async def _continue_upload(self, request: web.Request) -> web.StreamResponse:
        service, upload = self._service, request.query["upload_id"]
        commands = request.headers.get("x-goog-upload-command", "").replace(" ", "").split(",")
        file = service.files.upload(upload)
        if commands == ["query"]:
            received = {"x-goog-upload-size-received": str(len(file.content))}
            return web.Response(body=b"", headers={**_GOING_ON, **received})
        if commands == ["cancel"]:
            service.files.cancel(upload)
            return web.Response(body=b"", headers=_UPLOADED)
        fault = self._faults.get(upload)
        if "upload" in commands:
            offset = request.headers.get("x-goog-upload-offset", "")
            content = bytearray()
            # By pieces: the bound for the body of a call does not hold here.
            async for piece in request.content.iter_chunked(1024 * 1024):
                content += piece
            service.files.append(upload, int(offset) if offset.isdecimal() else -1, bytes(content))
        if "finalize" not in commands:
            return web.Response(body=b"", headers=_GOING_ON)
        if fault is JobFault.UPLOAD_BROKEN:
            service.files.cancel(upload, keep_name=True)
            await stay_silent(request, reset=True)
        if fault is JobFault.UPLOAD_ERROR:
            service.files.cancel(upload)
            return json_response(errors.internal().body())
        whole = service.files.finish(upload)
        service.stats.uploads += 1
        if fault is JobFault.UPLOAD_LOST:
            await stay_silent(request, reset=True)
        body = orjson.dumps({"file": service.files.resource(whole)})
        return web.Response(body=body, headers=_UPLOADED)

    async def list_files(self, request: web.Request) -> web.StreamResponse:
        files = self._service.files
        page, token = _page(request, files.all())
        return json_response({"files": [files.resource(file) for file in page], **token})

    async def get_file(self, request: web.Request) -> web.StreamResponse:
        files = self._service.files
        return json_response(files.resource(files.get(request.match_info["name"])))

    async def delete_file(self, request: web.Request) -> web.StreamResponse:
        self._service.files.delete(request.match_info["name"])
        return json_response({})

    async def download(self, request: web.Request) -> web.StreamResponse:
        service = self._service
        if request.query.get("alt") != "media":
            raise errors.invalid_argument("The simulator downloads with alt=media alone.")
        job = service.jobs.results(request.match_info["name"])
        job.downloads += 1
        cut = job.fault is JobFault.DOWNLOAD_CUT and job.downloads == 1
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "application/jsonl"})
        await response.prepare(request)
        async for lines in service.result_lines(job):
            if cut:
                await response.write(lines[: len(lines) // 2])
                await asyncio.sleep(0)
                await stay_silent(request, reset=True)
            await response.write(lines)
            await self._hold(request, "half of download")
        await response.write_eof()
        return response

    async def create(self, request: web.Request) -> web.StreamResponse:
        service, info = self._service, request.match_info
        model = find_model(info["model"], info["version"], "asyncBatchEmbedContent")
        if service.settings.no_batch:
            raise Refusal(400, "FAILED_PRECONDITION", "Precondition check failed.")
        batch = (await _json_of(request)).get("batch")
        config = _part(batch, "inputConfig", "input_config")
        name = _part(config, "file_name", "fileName")
        display_name = _part(batch, "displayName", "display_name")
        if not isinstance(name, str) or not isinstance(display_name, str):
            raise errors.invalid_argument("The simulator wants file_name and displayName.")
        file = service.files.get(name.removeprefix("files/"))
        job, fault = await service.create_job(model, file, display_name)
        if job is None or fault is JobFault.CREATE_LOST:
            await stay_silent(request, reset=True)
        return json_response(service.jobs.operation(job))

    async def list_jobs(self, request: web.Request) -> web.StreamResponse:
        jobs = self._service.jobs
        page, token = _page(request, jobs.listed(self._service.settings.job_list_lag_s))
        return json_response({"operations": [jobs.operation(job) for job in page], **token})

    async def get_job(self, request: web.Request) -> web.StreamResponse:
        jobs = self._service.jobs
        return json_response(jobs.operation(jobs.get(request.match_info["name"])))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        self._service.jobs.cancel(request.match_info["name"])
        return json_response({})

    async def delete_job(self, request: web.Request) -> web.StreamResponse:
        self._service.jobs.delete(request.match_info["name"])
        return json_response({})


def _page(request: web.Request, items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """A page of a list, and the token of the next one if there is one."""
    size, token = request.query.get("pageSize", ""), request.query.get("pageToken", "")
    most = min(int(size), _MOST_A_PAGE) if size.isdecimal() and int(size) else _MOST_A_PAGE
    begin = int(token) if token.isdecimal() else 0
    end = begin + most
    return items[begin:end], {"nextPageToken": str(end)} if end < len(items) else {}


def _part(message: Any, *names: str) -> Any:
    """The first of these fields that a message has; None if it has none, or is no message."""
    found = (message[name] for name in names if isinstance(message, dict) and name in message)
    return next(found, None)


async def _json_of(request: web.Request) -> dict[str, Any]:
    try:
        message = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise errors.invalid_argument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(message, dict):
        raise errors.invalid_argument("Invalid JSON payload received.")
    return message
