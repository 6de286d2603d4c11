"""Scale: how time and memory grow with the corpus, embedded and against a Chroma server."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from waypoint.benchmark.corpus import CorpusSettings, write_corpus
from waypoint.benchmark.processes import HOST, run_chroma_server
from waypoint.benchmark.results import ScaleRun
from waypoint.benchmark.runs import RunSpec, measure
from waypoint.benchmark.sweep import Service, Tell

STORES = ("embedded", "server")


def run_scale(
    service: Service,
    corpus: CorpusSettings,
    sizes: tuple[int, ...],
    *,
    concurrency: int,
    batch: int,
    stores: tuple[str, ...],
    folder: Path,
    tell: Tell,
) -> list[ScaleRun]:
    """Ingest a corpus of each size into each kind of store, then once more with nothing changed.

    Raises:
        RunFailedError: a run did not end well.
    """
    results = []
    for chunks in sizes:
        knowledge_base = folder / f"corpus-{chunks}"
        sized = replace(corpus, chunks=chunks)
        write_corpus(knowledge_base, sized)
        options = [
            f"--concurrency={concurrency}",
            f"--batch-size={batch}",
            f"--chunk-size={sized.chunk_size}",
            "--chunk-overlap=0",
        ]
        for store in stores:
            work = folder / "scale"
            with ExitStack() as stack:
                variables, pid = dict(service.variables), None
                if store == "server":
                    server = stack.enter_context(run_chroma_server(work / "server"))
                    variables |= {"CHROMA_HOST": HOST, "CHROMA_PORT": str(server.port)}
                    pid = server.pid
                spec = RunSpec(knowledge_base, work, options, variables, pid)
                first = measure(spec)
                # Its own log: the first run's calls are none of the second's.
                shutil.rmtree(work / "logs")
                results.append(ScaleRun(chunks, store, first, measure(spec)))
            tell(f"{chunks:,} chunks, {store}: {first.wall:.1f} s")
            shutil.rmtree(work)
        shutil.rmtree(knowledge_base)
    return results
