"""What an ingestion in this process does, counted where it leaves the process or its memory."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import re
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from waypoint.ingestion import embed
from waypoint.ingestion import write as writing
from waypoint.ingestion.messages import Addition, Candidate, DocumentJob, WriteOrder
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.models import Chunk, Document
from waypoint.observe.events import CallStarted, ChunksWritten, Event, EventBus
from waypoint.settings import Settings
from waypoint.sources import snapshot
from waypoint.storage.ledger.schema import MIGRATIONS

TRAVELLERS = (Chunk, Document, Addition, Candidate, DocumentJob, WriteOrder)
"""What is made for chunks and documents, and must be gone with them."""

_SCHEMA = "".join(MIGRATIONS)
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_opened: list[str] | None = None


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(arguments[0]))


@dataclass(slots=True)
class Counts:
    """Of one ingestion."""

    events: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    files_opened: Counter[str] = field(default_factory=Counter)
    """Files of the knowledge base, by name."""
    bytes_read: int = 0
    statements: Counter[str] = field(default_factory=Counter)
    """The ledger's, without those that make its tables: first word and table."""
    requests: Counter[str] = field(default_factory=Counter)
    """To Chroma and to the service: method and what the path ends in."""
    tasks: Counter[str] = field(default_factory=Counter)
    """By name. Those that only wait for a child to listen are left out: they are as many as
    the machine is slow."""
    most_alive: Counter[str] = field(default_factory=Counter)
    """At the moment of a write, by class."""
    alive_at_end: Counter[str] = field(default_factory=Counter)


def count_ingestion(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, watch_memory: bool = False
) -> Counts:
    """Ingest in this process, against a simulator in another, and count."""
    counts = Counts()
    events = EventBus()
    events.subscribe(lambda event: _take(counts, event, watch_memory))
    gc.collect()
    before = _alive()
    with monkeypatch.context() as patch, _opens(settings.knowledge_base_path, counts):
        # A batch or a write is full or the last one, however slow the machine.
        for stage in (embed, writing):
            patch.setattr(stage, "IDLE", math.inf)
        _count_statements(patch, counts)
        _count_requests(patch, counts)
        _count_bytes(patch, counts)
        anyio.run(
            _counting_tasks, Ingestion(settings, IngestOptions(simulate=True), events), counts
        )
    gc.collect()
    counts.alive_at_end = _alive() - before
    return counts


def _take(counts: Counts, event: Event, watch_memory: bool) -> None:
    counts.events[type(event).__name__] += 1
    counts.calls += isinstance(event, CallStarted)
    if watch_memory and isinstance(event, ChunksWritten):
        for name, number in _alive().items():
            counts.most_alive[name] = max(counts.most_alive[name], number)


def _alive() -> Counter[str]:
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in TRAVELLERS)


async def _counting_tasks(ingestion: Ingestion, counts: Counts) -> None:
    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        # At its end, since anyio names a task only after it was made.
        task.add_done_callback(note)
        return task

    def note(task: asyncio.Task[Any]) -> None:
        if "connect" not in task.get_name():
            counts.tasks[task.get_name()] += 1

    asyncio.get_running_loop().set_task_factory(make)
    await ingestion.run()


@contextmanager
def _opens(folder: Path, counts: Counts) -> Iterator[None]:
    """An audit hook cannot be taken back: there is one, which is mostly deaf."""
    global _opened  # noqa: PLW0603
    if not _hooked:
        sys.addaudithook(_note_open)
        _hooked.append(True)
    _opened = []
    try:
        yield
    finally:
        inside = [path for path in _opened if path.startswith(f"{folder}{os.sep}")]
        counts.files_opened.update(path for path in inside if Path(path).is_file())
        _opened = None


_hooked: list[bool] = []


def _count_statements(patch: pytest.MonkeyPatch, counts: Counts) -> None:
    connect = sqlite3.connect
    lock = threading.Lock()

    def note(statement: str) -> None:
        if statement.strip(" \n;") in _SCHEMA:
            return
        words = statement.split()
        tables = {"vectors", "usage", "chunks", "documents", "seen", "spaces", "rejects"}
        table = next((word for word in words if word in tables), "")
        with lock:
            counts.statements[f"{words[0].upper()} {table}".strip()] += 1

    def counting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(note)
        return connection

    patch.setattr(sqlite3, "connect", counting)


def _count_requests(patch: pytest.MonkeyPatch, counts: Counts) -> None:
    send = httpx2.AsyncClient.send

    async def counting(
        client: httpx2.AsyncClient, request: httpx2.Request, **options: Any
    ) -> httpx2.Response:
        last = request.url.path.rstrip("/").rpartition("/")[2]
        counts.requests[f"{request.method} {_IDS.sub('<id>', last)}"] += 1
        return await send(client, request, **options)

    patch.setattr(httpx2.AsyncClient, "send", counting)


def _count_bytes(patch: pytest.MonkeyPatch, counts: Counts) -> None:
    lock = threading.Lock()

    def counting(descriptor: int, size: int) -> bytes:
        data = os.read(descriptor, size)
        with lock:
            counts.bytes_read += len(data)
        return data

    defaults = snapshot.take_snapshot.__kwdefaults__
    assert defaults is not None
    patch.setitem(defaults, "read", counting)
