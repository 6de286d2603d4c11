"""``jobs``: the batch jobs of a ledger, and cancelling them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from waypoint.cli.options import Json, Verbose, load
from waypoint.observe.terminal import Terminal, print_json

if TYPE_CHECKING:
    from waypoint.query.jobs import JobStatus


class Action(StrEnum):
    """What is done with jobs."""

    LIST = "list"
    CANCEL = "cancel"


def jobs(
    action: Annotated[
        Action,
        typer.Argument(
            help="list the batch jobs, or cancel those that are live: what they have brought is "
            "kept, and the next ingest sends the other texts anew."
        ),
    ] = Action.LIST,
    ended: Annotated[
        bool, typer.Option("--ended", help="Show those that have ended, too.")
    ] = False,
    json: Json = False,
    verbose: Verbose = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Show batch jobs (see ``ingest --mode batch``), or cancel them."""
    from waypoint.ingestion import runtime
    from waypoint.observe.events import EventBus
    from waypoint.query.jobs import read_jobs, told

    settings = load({})

    async def run() -> list[JobStatus]:
        if action is Action.LIST:
            return await read_jobs(settings, ended=ended)
        from waypoint.ingestion.jobs.cancel import cancel_jobs

        return told(await cancel_jobs(settings, EventBus()))

    found = runtime.run(run)
    if json:
        print_json({"jobs": [asdict(job) for job in found]})
    else:
        console = Terminal()
        for line in job_lines(found):
            console.tell(line)


def job_lines(jobs: Sequence[JobStatus]) -> list[str]:
    """Two lines a job."""
    lines = []
    for job in jobs:
        lost = f", ${job.maybe_billed_usd:.4f} perhaps in vain" if job.maybe_billed_usd else ""
        lines.append(
            f"job {job.id}: {job.state}, {job.committed:,} of {job.texts:,} texts committed, about "
            f"{job.tokens:,} tokens (${job.cost_usd:.4f}{lost}), since {job.since}"
        )
        if job.next:
            lines.append(f"  {job.next}")
    return lines or ["no batch jobs"]
