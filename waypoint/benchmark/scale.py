"""Scale: how time and memory grow with the corpus, embedded and against a Chroma server."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from waypoint.benchmark.corpus import CorpusSettings, write_corpus
from waypoint.benchmark.processes import HOST, run_chroma_server
from waypoint.benchmark.results import ScaleCell, ScaleRound
from waypoint.benchmark.runs import RunSpec, ingest_options, measure
from waypoint.benchmark.sweep import Service, Tell

STORES = ("embedded", "server")


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """What grows, and what stays the same meanwhile."""

    sizes: tuple[int, ...]
    """Chunks."""
    stores: tuple[str, ...]
    """Some of ``STORES``."""
    rounds: int
    concurrency: int
    batch: int

    @property
    def cells(self) -> list[tuple[int, str]]:
        return list(product(self.sizes, self.stores))

    @property
    def runs_of_a_size(self) -> int:
        """Times a corpus is embedded."""
        return self.rounds * len(self.stores)


class Scale:
    """Measures size by size, each embedded and against a server, like ``Sweep`` in turn."""

    def __init__(
        self,
        service: Service,
        settings: ScaleSettings,
        corpus: CorpusSettings,
        folder: Path,
        tell: Tell,
    ) -> None:
        self._service = service
        self._settings = settings
        self._corpus = corpus
        self._folder = folder
        self._tell = tell

    def run(self) -> list[ScaleCell]:
        """Ingest each corpus into an empty store, then once more with nothing changed.

        Raises:
            RunFailedError: a run did not end well.
        """
        settings = self._settings
        measured: dict[tuple[int, str], list[ScaleRound]] = {cell: [] for cell in settings.cells}
        for number in range(settings.rounds):
            for cell in settings.cells[:: -1 if number % 2 else 1]:
                measured[cell].append(self._measure(*cell))
            self._tell(f"round {number + 1} of {settings.rounds} done")
        return [ScaleCell(*cell, rounds) for cell, rounds in measured.items()]

    def _measure(self, chunks: int, store: str) -> ScaleRound:
        sized = replace(self._corpus, chunks=chunks)
        corpus = self._folder / f"corpus-{chunks}"
        if not corpus.exists():
            write_corpus(corpus, sized)
        if self._service.simulator is not None:
            self._service.simulator.reset()
        work = self._folder / "scale"
        options = ingest_options(
            concurrency=self._settings.concurrency,
            batch=self._settings.batch,
            chunk_size=sized.chunk_size,
        )
        with ExitStack() as stack:
            variables, pid = dict(self._service.variables), None
            if store == "server":
                server = stack.enter_context(run_chroma_server(work / "server"))
                variables |= {"CHROMA_HOST": HOST, "CHROMA_PORT": str(server.port)}
                pid = server.pid
            spec = RunSpec(corpus, work, options, variables, pid)
            first = measure(spec)
            # Its own log: the first run's calls are none of the second's.
            shutil.rmtree(work / "logs")
            again = measure(spec)
        shutil.rmtree(work)
        self._tell(f"{chunks:,} chunks, {store}: {first.wall:.1f} s, again {again.wall:.2f} s")
        return ScaleRound(first, again)
