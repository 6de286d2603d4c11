"""The benchmark's main command: concurrency by batch size, or one corpus size after another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from waypoint.benchmark.charts import charts_of
from waypoint.benchmark.corpus import CorpusSettings
from waypoint.benchmark.output import Output
from waypoint.benchmark.processes import Simulating
from waypoint.benchmark.scale import STORES
from waypoint.benchmark.session import Benchmark, BenchmarkOptions
from waypoint.benchmark.tables import grids_of, machine_line
from waypoint.commands.benchmark.common import (
    JsonOption,
    LatencyJitterOption,
    LatencyOption,
    LatencyPerTextOption,
    OutOption,
    VerboseOption,
    numbers,
    parts,
    run_measure,
)
from waypoint.errors import UsageError
from waypoint.telemetry.run_state import duration


def sweep(
    context: typer.Context,
    chunks: Annotated[
        str,
        typer.Option(
            help="Chunks of the generated corpus; several, as in 1000,10000,100000, measure how "
            "time and memory grow, embedded and against a Chroma server, instead of sweeping."
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
    concurrency: Annotated[str, typer.Option(help="Calls in flight, one or several.")] = "4,8,16",
    batch: Annotated[str, typer.Option(help="Most texts in a call, one or several.")] = "100",
    store: Annotated[
        str, typer.Option(help="Of several sizes: embedded, or against a Chroma server, or both.")
    ] = ",".join(STORES),
    rounds: Annotated[int, typer.Option(min=1, help="Times each cell is measured.")] = 3,
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
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    quota_tier: Annotated[
        str | None, typer.Option(help="With --real, the account's tier [env: QUOTA_TIER].")
    ] = None,
    out: OutOption = Path("benchmark"),
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure throughput: concurrency by batch size, where the time goes, and the ceiling."""
    if context.invoked_subcommand is not None:
        return

    def measure(console: Console) -> Output:
        sizes = numbers(chunks, "--chunks")
        options = BenchmarkOptions(
            sizes,
            CorpusSettings(
                sizes[0], numbers(chunk_size, "--chunk-size"), files, chunks_per_file,
                tuple(parts(languages)), seed,
            ),
            folder,
            numbers(concurrency, "--concurrency", most=256),
            numbers(batch, "--batch", most=100),
            rounds,
            None if real else Simulating(
                latency_ms, latency_per_text_ms, latency_jitter_ms, rpm, tpm,
                tuple(fault or ()), seed,
            ),
            ceiling, beside, quota_tier, _stores(store),
        )  # fmt: skip
        if folder is not None and options.is_scale:
            raise UsageError(
                "--folder has the size it has", hint="leave out --folder, or give --chunks once"
            )
        with Benchmark(options, lambda line: console.print(Text(line), soft_wrap=True)) as bench:
            if real:
                _consent(console, bench, options.ingestions, asked=not yes)
            results = bench.run()
        lines = [*results.headline(), machine_line(results.machine)]
        return Output(
            "Waypoint: benchmark", lines, grids_of(results), charts_of(results), results.to_json()
        )

    raise typer.Exit(run_measure(measure, "benchmark", out, json=json, verbose=verbose))


def _consent(console: Console, benchmark: Benchmark, ingestions: int, *, asked: bool) -> None:
    """Say what the real service will bill, and go on only if that is wanted.

    Raises:
        UsageError: it is not.
    """
    plan = benchmark.plan()
    texts, cost = plan.texts_to_pay * ingestions, plan.cost_usd * ingestions
    seconds = plan.least_seconds * ingestions
    console.print(
        f"the real service is called: {ingestions} ingestions of at most {plan.texts_to_pay:,} "
        f"texts, {texts:,} in all, about ${cost:.2f}; the quota lets them through in "
        f"{duration(seconds)} at best",
        soft_wrap=True,
    )
    if asked and not (sys.stdin.isatty() and typer.confirm("go on?", err=True)):
        raise UsageError(
            "nothing was called", hint="add --yes to go on without being asked, or leave out --real"
        )


def _stores(text: str) -> tuple[str, ...]:
    stores = tuple(parts(text))
    if not stores or not set(stores) <= set(STORES):
        raise UsageError(f"--store: {text!r}", hint=f"give one or both of {', '.join(STORES)}")
    return stores
