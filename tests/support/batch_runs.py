"""Runs with batch jobs: held at a request and killed there, and what they leave behind."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from hashlib import sha256
from typing import Any, TypeVar

import anyio
import httpx2

from tests.support.background_simulator import BackgroundSimulator
from tests.support.batch_client import BatchClient
from tests.support.collection import StoredCollection, assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.waiting import wait_until
from waypoint.storage.ledger import LEDGER_NAME

T = TypeVar("T")

BATCH = ("--mode", "batch")
QUICK = {"batch_speed": 1_000.0}
"""An hour of a job's time in 3.6 s."""


def ask(
    simulator: BackgroundSimulator, question: Callable[[BatchClient], Coroutine[Any, Any, T]]
) -> T:
    """Exchange something with the service beside Waypoint."""

    async def exchange() -> T:
        async with httpx2.AsyncClient(timeout=10) as http:
            return await question(BatchClient(http, simulator.base_url))

    return anyio.run(exchange)


def left_at_service(simulator: BackgroundSimulator) -> list[str]:
    """Display names of the jobs and files that are there."""

    async def listed(client: BatchClient) -> list[str]:
        jobs = (await client.get("batches")).json()["operations"]
        files = (await client.get("files")).json()["files"]
        names = [each["metadata"]["displayName"] for each in jobs]
        return names + [each["name"] for each in files]

    return ask(simulator, listed)


def kill_at(
    moment: str,
    workspace: Workspace,
    simulator: BackgroundSimulator,
    *arguments: str,
    reached: bool = True,
) -> None:
    """SIGKILL a run, and all its children, while its request is held there.

    ``reached``: whether it must come to that moment, rather than to its end.
    """
    held = simulator.stats().held
    simulator.configure(job_hold=moment)
    with workspace.start(*BATCH, *arguments) as run:
        wait_until(lambda: not run.alive or simulator.stats().held > held)
        assert run.alive or not reached, f"{moment}: {run.stderr}"
        run.signal(signal.SIGKILL)
        run.kill_children()
        run.wait()
    simulator.configure(job_hold="")


def pass_time(workspace: Workspace, seconds: float) -> None:
    """Let so much time have passed for the jobs of a ledger that nobody has open."""
    with closing(sqlite3.connect(workspace.store / LEDGER_NAME)) as ledger, ledger:
        ledger.execute("UPDATE batch_jobs SET submitted = submitted - ?", (seconds,))


def maybe_billed(workspace: Workspace) -> int:
    """Texts that jobs may have been billed for in vain, as the ledger has it."""
    with closing(sqlite3.connect(workspace.store / LEDGER_NAME)) as ledger:
        (texts,) = ledger.execute("SELECT coalesce(sum(lost_texts), 0) FROM batch_jobs").fetchone()
    return int(texts)


def job_stages(workspace: Workspace) -> list[str]:
    """The stages of the ledger's jobs, the latest last."""
    with closing(sqlite3.connect(workspace.store / LEDGER_NAME)) as ledger:
        return [stage for (stage,) in ledger.execute("SELECT stage FROM batch_jobs ORDER BY rowid")]


def assert_ingested(workspace: Workspace) -> StoredCollection:
    """The collection is as an interactive run would have made it."""
    collection = read_embedded(workspace.store, workspace.logs)
    assert_holds(collection, chunks_of(workspace.knowledge_base))
    return collection


def repeated(simulator: BackgroundSimulator) -> int:
    """Texts that were billed beyond the first time, by the service's own bill."""
    return sum(count - 1 for count in simulator.answers().values())


def assert_each_billed_once(workspace: Workspace, simulator: BackgroundSimulator) -> None:
    """By the service's own bill, jobs and calls together."""
    texts = {chunk.text for chunk in chunks_of(workspace.knowledge_base).values()}
    billed = simulator.answers()
    wanted = {sha256(text.encode()).hexdigest() for text in texts}
    assert {text: billed.get(text) for text in wanted} == dict.fromkeys(wanted, 1)
