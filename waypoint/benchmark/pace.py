"""How much of a quota is used: minutes against a simulator that counts what it admits.

The program is run as a user runs it, with a known quota, with one that it has to find, and
with one that changes while it runs. What is told comes from the service's side alone.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from waypoint.benchmark.charts import Chart, Series
from waypoint.benchmark.corpus import CorpusSettings, write_corpus
from waypoint.benchmark.processes import Simulating, SimulatorProcess, environment, run_simulator
from waypoint.benchmark.runs import RunFailedError
from waypoint.benchmark.tables import Grid
from waypoint.errors import ExitCode

Tell = Callable[[str], None]

ACCOUNTS = {
    "free": (100, 30_000),
    "1": (3_000, 1_000_000),
    "2": (5_000, 5_000_000),
    "3": (10_000, 10_000_000),
}
"""Texts and tokens a minute of the simulated accounts, by tier (docs/architecture.md): the
service's side, not the program's presets."""

MODES = ("known", "unknown", "changing")
"""The tier is given; nothing is given; nothing is given, and the quota changes during the run."""

CHANGES = (1.0, 0.5, 2.0)
"""Of the tier's quota, in each third of a run with a changing one."""

LATE = (240.0, 360.0)
"""Seconds from the first call: minutes 4 to 6, when an unknown quota must have been found."""

FOUND = 45.0
"""Seconds from which on no minute may lose much of a quota, found by then."""

SMOOTHING = 5.0
"""Seconds over which the plot averages."""

_END_GRACE = 60.0


@dataclass(frozen=True, slots=True)
class PaceSample:
    """The simulator's counts at one moment, and its quota until the next."""

    seconds: float
    """Since the first call arrived."""
    texts: int
    """Admitted."""
    tokens: int
    refused: int
    """Calls answered with 429."""
    rpm: int
    tpm: int


@dataclass(frozen=True, slots=True)
class PaceResult:
    """One run."""

    tier: str
    mode: str
    samples: Sequence[PaceSample]
    peak_texts: int
    """In any 60 s: received, admitted or not."""
    peak_tokens: int

    @property
    def seconds(self) -> float:
        return self.samples[-1].seconds if self.samples else 0.0

    def share(self, start: float = 0.0, end: float = float("inf")) -> float | None:
        """Of the quota between two moments, what was used: texts or tokens, whichever is more;
        None where the run has no such time."""
        texts = tokens = text_quota = token_quota = 0.0
        for before, after in pairwise(self.samples):
            if before.seconds < start or after.seconds > end:
                continue
            minutes = (after.seconds - before.seconds) / 60
            texts += after.texts - before.texts
            tokens += after.tokens - before.tokens
            text_quota += before.rpm * minutes
            token_quota += before.tpm * minutes
        if not text_quota or (start and self.seconds < end - 1):
            return None
        return max(texts / text_quota, tokens / token_quota)

    def least_window(self, start: float = FOUND) -> float | None:
        """The share of the quota's texts, or of its tokens, that the emptiest minute carries
        which begins at that moment or later; None for no such minute, or a changing quota."""
        times = [sample.seconds for sample in self.samples]
        if len({sample.rpm for sample in self.samples}) != 1 or times[-1] < start + 60:
            return None

        def carried(counts: Sequence[int], quota: int) -> list[float]:
            begins = np.arange(start, times[-1] - 60, 0.1)
            # In between two samples, evenly.
            ends = np.interp(begins + 60, times, counts)
            return list((ends - np.interp(begins, times, counts)) / quota)

        texts = carried([sample.texts for sample in self.samples], self.samples[0].rpm)
        tokens = carried([sample.tokens for sample in self.samples], self.samples[0].tpm)
        return min(map(max, texts, tokens), default=None)

    def refusals(self, start: float = 0.0, end: float = float("inf")) -> int:
        """Calls answered with 429 between two moments."""
        counts = [sample.refused for sample in self.samples if start <= sample.seconds <= end]
        return counts[-1] - counts[0] if counts else 0


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """What is run, all of it at once."""

    tiers: tuple[str, ...]
    modes: tuple[str, ...]
    minutes: float
    concurrency: int
    simulating: Simulating
    """Latency and jitter; the quota is the tier's."""
    chunk_size: int = 600
    options: tuple[str, ...] = ()
    """More options for ``ingest``."""


def run_pace(settings: PaceSettings, folder: Path, tell: Tell) -> list[PaceResult]:
    """Run every tier in every mode, side by side.

    Raises:
        RunFailedError: a run ended before its time, or not well.
    """
    pairs = [(tier, mode) for mode in settings.modes for tier in settings.tiers]
    with ThreadPoolExecutor(len(pairs)) as pool:
        runs = [pool.submit(_run, settings, tier, mode, folder, tell) for tier, mode in pairs]
        return [run.result() for run in runs]


def _run(settings: PaceSettings, tier: str, mode: str, folder: Path, tell: Tell) -> PaceResult:
    rpm, tpm = ACCOUNTS[tier]
    work = folder / f"{mode}-{tier}"
    # A third more than could be used: the corpus must never be what ends the run.
    chunks = int(
        rpm * (settings.minutes + 1) * max(CHANGES if mode == "changing" else (1.0,)) * 1.3
    )
    write_corpus(work / "corpus", CorpusSettings(chunks, (settings.chunk_size,)))
    simulating = replace(settings.simulating, rpm=rpm, tpm=tpm)
    with run_simulator(simulating) as simulator, (work / "stderr.txt").open("wb") as stderr:
        process = _start(settings, tier if mode == "known" else "auto", work, simulator, stderr)
        try:
            samples = _watch(process, simulator, settings.minutes * 60, mode, (rpm, tpm))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(_END_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        stats = simulator.stats()
    if process.returncode != ExitCode.INTERRUPTED:
        told = (work / "stderr.txt").read_text("utf-8", "replace").strip()[-500:]
        raise RunFailedError(
            f"the run of tier {tier} ({mode}) ended with exit code {process.returncode}: {told}",
            hint="mend what it names and start again",
        )
    result = PaceResult(
        tier, mode, samples, stats["peak_texts_received"], stats["peak_tokens_received"]
    )
    tell(f"tier {tier}, {mode} quota: {result.share() or 0:.1%} used, {result.refusals()} 429s")
    return result


def _start(
    settings: PaceSettings, tier: str, work: Path, simulator: SimulatorProcess, stderr: Any
) -> subprocess.Popen[bytes]:
    options = [
        f"--quota-tier={tier}",
        # The free tier's day would be over after ten minutes.
        "--rpd=0",
        f"--concurrency={settings.concurrency}",
        f"--chunk-size={settings.chunk_size}",
        "--chunk-overlap=0",
        *settings.options,
    ]
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "waypoint", "ingest", str(work / "corpus"), *options],
        cwd=work,
        env=environment(
            GOOGLE_API_KEY="key-of-a-benchmark", GOOGLE_GEMINI_BASE_URL=simulator.base_url
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        # A terminal's Ctrl-C is for us, who then stop it.
        start_new_session=True,
    )


def _watch(
    process: subprocess.Popen[bytes],
    simulator: SimulatorProcess,
    seconds: float,
    mode: str,
    quota: tuple[int, int],
) -> list[PaceSample]:
    """Ask the simulator every second, from the first call's arrival until the time is over."""
    samples: list[PaceSample] = []
    started: float | None = None
    factor = 1.0
    while process.poll() is None:
        # An answer may be late: what it counts had come when it was asked for, or since.
        now, stats = time.monotonic(), simulator.stats()
        if started is None:
            if stats["first_arrival_s"] is None:
                # The simulator tells nobody of the first call: it has to be asked.
                time.sleep(0.05)
                continue
            started = now
        rpm, tpm = (round(limit * factor) for limit in quota)
        refused = stats["calls_by_status"].get("429", 0)
        counts = stats["texts_admitted"], stats["tokens_admitted"], refused
        samples.append(PaceSample(now - started, *counts, rpm, tpm))
        if now - started >= seconds:
            break
        third = min(2, int(3 * (now - started) / seconds))
        if mode == "changing" and CHANGES[third] != factor:
            factor = CHANGES[third]
            rpm, tpm = (round(limit * factor) for limit in quota)
            simulator.configure(rpm=rpm, tpm=tpm)
            samples[-1] = replace(samples[-1], rpm=rpm, tpm=tpm)
        time.sleep(max(0.0, min(1.0, started + seconds - time.monotonic())))
    return samples


def pace_grid(results: Sequence[PaceResult]) -> Grid:
    """The table by tier."""
    columns = (
        "quota / tier", "minutes", "of quota used", "peak in 60 s",
        "least in 60 s, from second 45", "429s", "429s by then",
        "minutes 4-6: of quota", "minutes 4-6: 429s a minute",
    )  # fmt: skip
    rows = []
    for run in results:
        late, least = run.share(*LATE), run.least_window()
        most = max(sample.rpm for sample in run.samples)
        rows.append(
            [
                f"{run.mode} / {run.tier}", f"{run.seconds / 60:.1f}", f"{run.share() or 0:.1%}",
                f"{run.peak_texts:,} of {most:,} texts",
                "-" if least is None else f"{least:.1%}",
                f"{run.refusals():,}", f"{run.refusals(0, FOUND):,}",
                "-" if late is None else f"{late:.1%}",
                "-" if late is None else f"{run.refusals(*LATE) / 2:.1f}",
            ]
        )  # fmt: skip
    return Grid("Use of the quota, as the service counted it", columns, rows)


def pace_charts(results: Sequence[PaceResult]) -> list[Chart]:
    """Texts a second over time, one chart for each mode."""
    charts = []
    for mode in dict.fromkeys(run.mode for run in results):
        series = []
        for run in results:
            if run.mode == mode:
                series.append(Series(f"tier {run.tier}", _smooth(run.samples)))
                quota = [(sample.seconds, sample.rpm / 60) for sample in run.samples]
                series.append(Series(f"quota of tier {run.tier}", _steps(quota), dashed=True))
        title = f"Texts admitted, {mode} quota"
        charts.append(Chart(f"pace-{mode}", title, "seconds", "texts/s", series))
    return charts


def _smooth(samples: Sequence[PaceSample]) -> list[tuple[float, float]]:
    points = []
    first = 0
    for sample in samples:
        while samples[first].seconds < sample.seconds - SMOOTHING:
            first += 1
        span = sample.seconds - samples[first].seconds
        if span > SMOOTHING / 2:
            points.append((sample.seconds, (sample.texts - samples[first].texts) / span))
    return points


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line that changes at once, not on its way to the next sample."""
    stepped: list[tuple[float, float]] = []
    for at, value in points:
        if stepped and stepped[-1][1] != value:
            stepped.append((at, stepped[-1][1]))
        stepped.append((at, value))
    return stepped
