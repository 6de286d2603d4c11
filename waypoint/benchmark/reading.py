"""What reading alone costs: ``ingest --dry-run`` over files whose content is known."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from waypoint.benchmark.corpus import CorpusSettings, write_corpus
from waypoint.benchmark.office_corpus import OFFICE_SUFFIXES, write_office_files
from waypoint.benchmark.processes import environment
from waypoint.benchmark.results import Spread, spread
from waypoint.benchmark.runs import RunFailedError
from waypoint.benchmark.sweep import Tell
from waypoint.benchmark.tables import MB, Grid

SUFFIXES = (*OFFICE_SUFFIXES, "md")
_LOOK_EVERY = 0.05
"""Seconds between two looks at the memory."""


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """What is read, and how often."""

    files: int
    suffixes: Sequence[str]
    """Some of ``SUFFIXES``, in turn."""
    chunks_per_file: int
    rounds: int
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ReadingRun:
    """One round. Seconds, bytes; of the run and its parsing processes together."""

    wall: float
    """From the start of the program to its end, imports included."""
    cpu: float
    peak_memory: int
    """Most that they had resident together; what they share counts for each."""
    files: int
    chunks: int

    @property
    def files_a_minute(self) -> float:
        return self.files * 60 / self.wall


def run_reading(settings: ReadingSettings, work: Path, tell: Tell) -> list[ReadingRun]:
    """Write the files and read them, after one uncounted round.

    Raises:
        RunFailedError: a file was not read, or not all of its text.
    """
    folder = work / "corpus"
    characters = _write(folder, settings)
    size = sum(path.stat().st_size for path in folder.rglob("*.*"))
    tell(f"corpus: {settings.files:,} files, {size / MB:,.1f} MB")
    runs: list[ReadingRun] = []
    for number in range(settings.rounds + 1):
        run = _measure(folder, work, settings, characters)
        told = f"round {number} of {settings.rounds}" if number else "warming up"
        tell(f"{told}: {run.files_a_minute:,.0f} files a minute")
        runs.append(run)
    return runs[1:]


def reading_grid(runs: Sequence[ReadingRun], settings: ReadingSettings) -> Grid:
    """The rounds in one row."""
    rate = spread([run.files_a_minute for run in runs])
    cpu = spread([run.cpu * 1000 / run.files for run in runs])
    memory = spread([run.peak_memory / MB for run in runs])
    columns = ("files", "files a minute (least to most)", "CPU ms a file", "peak MB", "chunks")
    row = (
        f"{settings.files:,} {'/'.join(settings.suffixes)}",
        f"{rate} ({_range(rate)})",
        f"{cpu.median:.2f}",
        f"{memory}",
        f"{runs[-1].chunks:,}",
    )
    return Grid("Reading alone: medians", columns, [row])


def _range(figure: Spread) -> str:
    return f"{figure.least:,.0f} to {figure.most:,.0f}"


def _write(folder: Path, settings: ReadingSettings) -> int:
    """Write as many files of each kind; returns the least number of characters they hold."""
    characters = 0
    for number, suffix in enumerate(settings.suffixes):
        files = len(range(number, settings.files, len(settings.suffixes)))
        below, chunks = folder / suffix, files * settings.chunks_per_file
        if suffix == "md":
            corpus = CorpusSettings(chunks, files=files, seed=settings.seed)
            write_corpus(below, corpus)
            characters += sum(path.stat().st_size for path in below.rglob("*.md")) - 2 * chunks
        else:
            characters += write_office_files(
                below, suffix, files, settings.chunks_per_file, seed=settings.seed
            )
    return characters


def _measure(folder: Path, work: Path, settings: ReadingSettings, characters: int) -> ReadingRun:
    command = [sys.executable, "-m", "waypoint", "ingest", str(folder), "--dry-run", "--json"]
    variables = {"CHROMA_PERSIST_PATH": str(work / "none"), "LOG_DIR": str(work / "logs")}
    before, started = _cpu_of_children(), time.monotonic()
    with (work / "stderr.txt").open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603
            [*command, "--chunk-overlap=0"],
            # Where there is no .env.
            cwd=work,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            output, peak = _wait(process)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    wall, cpu = time.monotonic() - started, _cpu_of_children() - before
    if process.returncode != 0:
        told = (work / "stderr.txt").read_text("utf-8", "replace").strip()
        raise RunFailedError(
            f"reading ended with exit code {process.returncode}: {told[-500:]}",
            hint="its figures are worth nothing; fix what it names and start again",
        )
    plan: dict[str, Any] = orjson.loads(output)
    read = plan["documents"], plan["characters_to_embed"] >= characters
    if read != (settings.files, True):
        raise RunFailedError(
            f"{settings.files:,} files of {characters:,} characters were read as "
            f"{plan['documents']:,} documents of {plan['characters_to_embed']:,}",
            hint="a reader lost text: its figures are worth nothing",
        )
    return ReadingRun(wall, cpu, peak, settings.files, plan["chunks"])


def _wait(process: subprocess.Popen[bytes]) -> tuple[bytes, int]:
    """Its output, and the most memory that it and its children had."""
    watched, peak = psutil.Process(process.pid), 0
    while True:
        with suppress(psutil.NoSuchProcess):
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(each.memory_info().rss for each in family))
        try:
            output, _ = process.communicate(timeout=_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            continue
        return output, peak


def _cpu_of_children() -> float:
    """Of those that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
