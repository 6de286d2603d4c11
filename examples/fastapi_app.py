"""Ingestion in the background of a web application, with its progress.

    pip install fastapi uvicorn
    uvicorn --app-dir examples fastapi_app:app

POST /ingestions starts one over the folder KNOWLEDGE_BASE_PATH (409 while one runs), GET
/ingestions/latest says how it stands, DELETE /ingestions/latest stops it: what is in flight is
finished first. Settings are the environment's; SIMULATE=true needs no key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException

import waypoint

SIMULATE = os.environ.get("SIMULATE") == "true"


class Ingestion:
    """The latest one: how it stands, and how it ended."""

    def __init__(self) -> None:
        self.events: dict[str, int] = {}
        self.result: dict[str, Any] | None = None
        # Kept: a task that nobody holds may be collected.
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            report = await waypoint.ingest(simulate=SIMULATE, on_event=self._count)
        except waypoint.WaypointError as error:
            self.result = {"ok": False, "message": error.message, "hint": error.hint}
        except asyncio.CancelledError:
            self.result = {"ok": False, "message": "stopped", "hint": "start it again to go on"}
            raise
        else:
            self.result = {
                "ok": report.ok,
                "documents": report.documents,
                "rejects": report.standing,
                "cost_usd": report.cost_usd,
            }

    def _count(self, event: waypoint.Event) -> None:
        name = type(event).__name__
        self.events[name] = self.events.get(name, 0) + 1


latest: Ingestion | None = None


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    if latest is not None:
        latest.task.cancel()
        await asyncio.wait([latest.task])


app = FastAPI(lifespan=lifespan)


@app.post("/ingestions", status_code=202)
async def start() -> dict[str, str]:
    global latest  # noqa: PLW0603 - one application, one ingestion
    if latest is not None and not latest.task.done():
        raise HTTPException(409, "an ingestion is running")
    latest = Ingestion()
    return {"progress": "/ingestions/latest"}


@app.get("/ingestions/latest")
async def progress() -> dict[str, Any]:
    if latest is None:
        raise HTTPException(404, "there was none yet")
    done = latest.events.get("DocumentCompleted", 0)
    return {"running": not latest.task.done(), "documents": done, "result": latest.result}


@app.delete("/ingestions/latest", status_code=202)
async def stop() -> None:
    if latest is not None:
        latest.task.cancel()


@app.get("/search")
async def search(question: str) -> list[dict[str, Any]]:
    try:
        found = await waypoint.search(question, simulate=SIMULATE)
    except waypoint.WaypointError as error:
        raise HTTPException(503, f"{error.message} ({error.hint})") from error
    return [{"source": hit.source, "score": hit.score, "text": hit.text} for hit in found.hits]
