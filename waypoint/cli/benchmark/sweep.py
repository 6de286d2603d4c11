"""The benchmark's main command: concurrency by batch size, or one corpus size after another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from waypoint.benchmark.charts import charts_of
from waypoint.benchmark.corpus import CorpusSettings
from waypoint.benchmark.output import Output
from waypoint.benchmark.processes import Simulating
from waypoint.benchmark.scale import STORES
from waypoint.benchmark.session import Benchmark, BenchmarkOptions, Bill
from waypoint.benchmark.tables import grids_of, machine_line
from waypoint.cli.benchmark.common import (
    JsonOption,
    LatencyJitterOption,
    LatencyOption,
    LatencyPerTextOption,
    OutOption,
    VerboseOption,
    chosen,
    numbers,
    parts,
    run_measure,
)
from waypoint.errors import UsageError
from waypoint.observe.terminal import Terminal, duration


def sweep(
    context: typer.Context,
    chunks: Annotated[
        str,
        typer.Option(
            help="Chunks of the generated corpus; several, as in 1000,10000,100000, are a scale: "
            "how time and memory grow, embedded and against a Chroma server, instead of a sweep."
        ),
    ] = "5000",
    folder: Annotated[
        Path | None, typer.Option(help="A knowledge base instead of the generated corpus.")
    ] = None,
    files: Annotated[
        int | None, typer.Option(min=1, help="Files of the corpus, however many chunks it has.")
    ] = None,
    chunks_per_file: Annotated[int, typer.Option(min=1, help="Without --files.")] = 25,
    chunk_size: Annotated[
        str, typer.Option(help="Characters of a chunk; of several, each chunk takes one at random.")
    ] = "600",
    languages: Annotated[
        str, typer.Option(help="Of the corpus, some of en,de,fr,zh,ja,code.")
    ] = "en",
    seed: Annotated[int, typer.Option(min=0, help="Of the corpus and of the simulator.")] = 0,
    concurrency: Annotated[
        str | None,
        typer.Option(help="Calls in flight, one or several.  [default: 4,8,16; of a scale: 8]"),
    ] = None,
    batch: Annotated[str, typer.Option(help="Most texts in a call, one or several.")] = "100",
    store: Annotated[
        str, typer.Option(help="Of a scale: embedded, or against a Chroma server, or both.")
    ] = ",".join(STORES),
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds of each measurement.  [default: 3; of a scale: 1]"),
    ] = None,
    latency_ms: LatencyOption = 200.0,
    latency_per_text_ms: LatencyPerTextOption = 1.0,
    latency_jitter_ms: LatencyJitterOption = 0.0,
    rpm: Annotated[int, typer.Option(min=0, help="Simulated texts a minute, 0: no limit.")] = 0,
    tpm: Annotated[int, typer.Option(min=0, help="Simulated tokens a minute, 0: no limit.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(help="NAME=RATE, as of `simulate`; may be repeated.")
    ] = None,
    ceiling: Annotated[bool, typer.Option(help="Measure bare Chroma in the same run.")] = True,
    beside: Annotated[
        bool, typer.Option("--beside", help="Bare Chroma also beside the load of a run's calls.")
    ] = False,
    real: Annotated[
        bool, typer.Option("--real", help="Against the real API: says what it costs, and asks.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go on without asking.")] = False,
    quota_tier: Annotated[
        str | None, typer.Option(help="With --real, the account's tier [env: QUOTA_TIER].")
    ] = None,
    out: OutOption = Path("benchmark"),
    json: JsonOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - asked by whoever tells an error
) -> None:
    """Measure throughput: concurrency by batch size, where the time goes, and the ceiling."""
    if context.invoked_subcommand is not None:
        return

    def measure(console: Terminal) -> Output:
        sizes = numbers(chunks, "--chunks")
        is_scale = len(sizes) > 1
        options = BenchmarkOptions(
            sizes,
            CorpusSettings(
                sizes[0], numbers(chunk_size, "--chunk-size"), files, chunks_per_file,
                tuple(parts(languages)), seed,
            ),
            folder,
            numbers(concurrency or ("8" if is_scale else "4,8,16"), "--concurrency", most=256),
            numbers(batch, "--batch", most=100),
            rounds or (1 if is_scale else 3),
            None if real else Simulating(
                latency_ms, latency_per_text_ms, latency_jitter_ms, rpm, tpm,
                tuple(fault or ()), seed,
            ),
            ceiling, beside, quota_tier, chosen(store, STORES, "--store"),
        )  # fmt: skip
        _check(options)
        with Benchmark(options, console.tell) as bench:
            if real:
                _consent(console, bench.bill(), asked=not yes)
            results = bench.run()
        lines = [*results.headline(), machine_line(results.machine)]
        return Output(
            "Waypoint: benchmark", lines, grids_of(results), charts_of(results), results.to_json()
        )

    run_measure(measure, "benchmark", out, json=json)


def _check(options: BenchmarkOptions) -> None:
    """See that what a scale can't have was not asked of one.

    Raises:
        UsageError: it was.
    """
    if not options.is_scale:
        return
    if options.folder is not None:
        raise UsageError(
            "--folder has the size it has", hint="leave out --folder, or give --chunks once"
        )
    if len(options.concurrency) > 1 or len(options.batch) > 1:
        raise UsageError(
            "several sizes take one --concurrency and one --batch",
            hint="give each of them once, or --chunks once",
        )


def _consent(console: Terminal, bill: Bill, *, asked: bool) -> None:
    """Say what the real service will bill, and go on only if that is wanted.

    Raises:
        UsageError: it is not.
    """
    console.tell(
        f"the real service is called: {bill.ingestions} ingestions, {bill.texts:,} texts in all, "
        f"about ${bill.cost_usd:.2f}; the quota lets them through in "
        f"{duration(bill.least_seconds)} at best",
    )
    if asked and not (sys.stdin.isatty() and typer.confirm("continue?", err=True)):
        raise UsageError(
            "nothing was called",
            hint="add --yes to continue without being asked, or leave out --real",
        )
