"""The benchmark command and its options."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.text import Text

from waypoint.app.proxies import spare_loopback
from waypoint.benchmark.charts import charts_of
from waypoint.benchmark.corpus import CorpusSettings
from waypoint.benchmark.machine import this_machine
from waypoint.benchmark.output import Output
from waypoint.benchmark.pace import ACCOUNTS, MODES, PaceSettings, pace_charts, pace_grid, run_pace
from waypoint.benchmark.processes import Simulating
from waypoint.benchmark.scale import STORES
from waypoint.benchmark.session import Benchmark, BenchmarkOptions
from waypoint.benchmark.tables import grids_of, machine_line
from waypoint.commands.failures import tell_failure
from waypoint.errors import ExitCode, UsageError, WaypointError
from waypoint.telemetry.run_state import duration

benchmark_app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_FILE_WIDTH = 160

OutOption = Annotated[
    Path, typer.Option("--out", help="Folder for JSON, the HTML page and PNG files.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")]


@benchmark_app.callback()
def benchmark(
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
    latency_ms: Annotated[float, typer.Option(min=0, help="Simulated, of a call.")] = 200.0,
    latency_per_text_ms: Annotated[float, typer.Option(min=0, help="Added for each text.")] = 1.0,
    latency_jitter_ms: Annotated[float, typer.Option(min=0, help="Added at random, up to.")] = 0.0,
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
    json: Annotated[bool, typer.Option("--json", help="The results as JSON on stdout.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure throughput: concurrency by batch size, where the time goes, and the ceiling."""
    if context.invoked_subcommand is not None:
        return

    def measure(console: Console) -> Output:
        sizes = _numbers(chunks, "--chunks")
        options = BenchmarkOptions(
            sizes,
            CorpusSettings(
                sizes[0], _numbers(chunk_size, "--chunk-size"), files, chunks_per_file,
                tuple(_parts(languages)), seed,
            ),
            folder,
            _numbers(concurrency, "--concurrency", most=256),
            _numbers(batch, "--batch", most=100),
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

    raise typer.Exit(_run(measure, "benchmark", out, json=json, verbose=verbose))


@benchmark_app.command()
def pace(
    tiers: Annotated[str, typer.Option(help="Simulated accounts, all at once.")] = "free,1,2,3",
    quota: Annotated[str, typer.Option(help="Some of known,unknown,changing.")] = "known",
    minutes: Annotated[float, typer.Option(min=0.1, help="Of each run.")] = 6.0,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Calls in flight.")] = 8,
    chunk_size: Annotated[int, typer.Option(min=100, help="Characters of a chunk.")] = 600,
    latency_ms: Annotated[float, typer.Option(min=0, help="Simulated, of a call.")] = 200.0,
    latency_per_text_ms: Annotated[float, typer.Option(min=0, help="Added for each text.")] = 1.0,
    latency_jitter_ms: Annotated[float, typer.Option(min=0, help="Added at random, up to.")] = 0.0,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Another option for ingest, as in --option=--batch-size=50."),
    ] = None,
    out: OutOption = Path("benchmark"),
    json: Annotated[bool, typer.Option("--json", help="The results as JSON on stdout.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure how much of a quota is used, and what it meets of 429s, over minutes."""

    def measure(console: Console) -> Output:
        settings = PaceSettings(
            _chosen(tiers, ACCOUNTS, "--tiers"),
            _chosen(quota, MODES, "--quota"),
            minutes,
            concurrency,
            Simulating(latency_ms, latency_per_text_ms, latency_jitter_ms),
            chunk_size,
            tuple(option or ()),
        )
        machine = this_machine()
        with tempfile.TemporaryDirectory(prefix="waypoint-pace-") as work:
            tell = lambda line: console.print(Text(line), soft_wrap=True)  # noqa: E731
            runs = run_pace(settings, Path(work), tell)
        document = {
            "schema": 1,
            "machine": asdict(machine),
            "settings": asdict(settings),
            "runs": [{**asdict(run), "share": run.share()} for run in runs],
        }
        return Output(
            "Waypoint: use of the quota",
            [machine_line(machine)],
            [pace_grid(runs)],
            pace_charts(runs),
            orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        )

    raise typer.Exit(_run(measure, "pace", out, json=json, verbose=verbose))


def _run(
    measure: Callable[[Console], Output], name: str, out: Path, *, json: bool, verbose: bool
) -> int:
    console = Console(stderr=True, highlight=False)
    spare_loopback()
    try:
        output = measure(console)
        shown = Console(stderr=json, highlight=False)
        # A table in a file need not fit into the 80 columns that a missing terminal counts for.
        output.show(shown if shown.is_terminal else Console(stderr=json, width=_FILE_WIDTH))
        output.write(out, name, console)
    except WaypointError as error:
        tell_failure(console, error, verbose=verbose)
        return error.exit_code
    if json:
        sys.stdout.buffer.write(output.json)
    return ExitCode.OK


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
    stores = tuple(_parts(text))
    if not stores or not set(stores) <= set(STORES):
        raise UsageError(f"--store: {text!r}", hint=f"give one or both of {', '.join(STORES)}")
    return stores


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str, option: str, *, most: int | None = None) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in _parts(text))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1 or (most is not None and max(numbers) > most):
        limit = f" up to {most}" if most is not None else ""
        raise UsageError(
            f"{option}: {text!r} is not one or several whole numbers{limit}",
            hint="write them as in 1,2,4",
        )
    return numbers


def _chosen(text: str, names: Iterable[str], option: str) -> tuple[str, ...]:
    chosen = tuple(_parts(text))
    if not chosen or not set(chosen) <= set(names):
        raise UsageError(f"{option}: {text!r}", hint=f"use some of {', '.join(names)}")
    return chosen
