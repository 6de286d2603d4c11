"""``status``: what there is, at a glance."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from waypoint.cli.options import Json, Verbose, load
from waypoint.observe.terminal import Terminal, print_json

if TYPE_CHECKING:
    from waypoint.query.status import CollectionStatus, Status


def status(
    json: Json = False,
    verbose: Verbose = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Show collections, the last run, rejects, cost and sizes."""
    from waypoint.ingestion import runtime
    from waypoint.observe.events import EventBus
    from waypoint.query.status import read_status

    settings = load({})

    async def read() -> Status:
        return await read_status(settings, EventBus())

    found = runtime.run(read)
    if json:
        print_json(asdict(found))
    else:
        _print(Terminal(), found)


def _print(console: Terminal, status: Status) -> None:
    lines = [f"store: {status.store}"]
    for entry in status.collections:
        lines += _collection(entry)
    if not status.collections:
        lines.append("no collections")
    lines.append(_last_run(status))
    if status.jobs:
        from waypoint.cli.jobs import job_lines

        lines += job_lines(status.jobs)
    lines += _costs(status)
    sizes = (f"{name} {size / 1e6:,.1f} MB" for name, size in sorted(status.bytes.items()))
    lines.append(f"on disk: {', '.join(sizes)}")
    for line in (*lines, *status.notices):
        console.tell(line)


def _collection(entry: CollectionStatus) -> list[str]:
    chunks = f"{_figure(entry.chunks)} chunks"
    if entry.chunks is None and entry.chunks_of_ledger is not None:
        chunks = f"missing from Chroma ({entry.chunks_of_ledger:,} chunks in the ledger)"
    incomplete = f" ({entry.incomplete:,} incomplete)" if entry.incomplete else ""
    lines = [
        f"{entry.name}: {_figure(entry.documents)} documents{incomplete}, {chunks}, "
        f"{_figure(entry.rejects)} rejects"
    ]
    if entry.model is not None:
        lines.append(
            f"  {entry.model}, {entry.dimensions:,} dimensions, {entry.provider}, {entry.chunking}"
        )
    if entry.knowledge_base:
        told = f", with {entry.options}" if entry.options else ""
        lines.append(f"  from {entry.knowledge_base}{told}")
    return lines


def _figure(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _last_run(status: Status) -> str:
    from waypoint.observe.terminal import duration

    run = status.last_run
    if run is None:
        return "last run: unknown"
    end = "complete" if run.complete else "stopped, failed or killed before completion"
    more = ""
    if run.exit_code is not None and run.seconds is not None:
        texts = f"{run.texts_embedded or 0:,} embedded"
        more = f", exit code {run.exit_code}, {duration(run.seconds)}, {texts}"
    return f"last run: {run.run_id}, {run.started}: {end}{more}"


def _costs(status: Status) -> list[str]:
    from waypoint.cli.summary import billed

    if status.cost_usd is None:
        return []
    return [
        f"cost to date: ${status.cost_usd:.4f}",
        *(
            f"  {spent.provider}, {spent.model}: {spent.texts:,} texts, {spent.tokens:,} tokens, "
            f"{billed(spent.cost_usd, spent.provider)}"
            for spent in status.spending
        ),
    ]
