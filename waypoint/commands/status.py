"""The status command: what there is, at a glance."""

from __future__ import annotations

from dataclasses import asdict

from waypoint.cli.proxies import spare_loopback
from waypoint.commands.failures import flatten, tell_failure
from waypoint.commands.summary import billed
from waypoint.errors import ExitCode
from waypoint.files import keep_private
from waypoint.ingest import runtime
from waypoint.observe.events import EventBus
from waypoint.observe.run_state import duration
from waypoint.observe.terminal import Terminal, Text, print_json
from waypoint.query.status import CollectionStatus, Status, read_status
from waypoint.settings import load_settings


def show_status(*, json: bool, verbose: bool) -> int:
    """Print what there is; returns the exit code."""
    try:
        settings = load_settings()
        keep_private(wanted=settings.private_files)
        spare_loopback()

        async def read() -> Status:
            return await read_status(settings, EventBus())

        status = runtime.run(read)
    except Exception as error:
        failure = flatten(error)
        tell_failure(Terminal(stderr=True), failure, verbose=verbose)
        return failure.exit_code
    if json:
        print_json(asdict(status))
    else:
        _print(Terminal(), status)
    return ExitCode.OK


def _print(console: Terminal, status: Status) -> None:
    lines = [f"store: {status.store}"]
    for entry in status.collections:
        lines += _collection(entry)
    if not status.collections:
        lines.append("no collections")
    lines += [_last_run(status), *_costs(status)]
    sizes = (f"{name} {size / 1e6:,.1f} MB" for name, size in sorted(status.bytes.items()))
    lines.append(f"on disk: {', '.join(sizes)}")
    for line in (*lines, *status.notices):
        console.print(Text(line), soft_wrap=True)


def _collection(entry: CollectionStatus) -> list[str]:
    chunks = f"{_figure(entry.chunks)} chunks"
    if entry.chunks is None and entry.chunks_of_ledger is not None:
        chunks = f"gone from Chroma ({entry.chunks_of_ledger:,} chunks in the ledger)"
    begun = f" ({entry.begun:,} not finished)" if entry.begun else ""
    lines = [
        f"{entry.name}: {_figure(entry.documents)} documents{begun}, {chunks}, "
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
    run = status.last_run
    if run is None:
        return "last run: not known"
    end = "complete" if run.complete else "stopped, failed or killed before its end"
    more = ""
    if run.exit_code is not None and run.seconds is not None:
        more = (
            f", exit code {run.exit_code}, {duration(run.seconds)}, {run.texts_paid:,} texts paid"
        )
    return f"last run: {run.run_id}, {run.started}: {end}{more}"


def _costs(status: Status) -> list[str]:
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
