"""A benchmark from its options to its results."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from waypoint.benchmark.corpus import CorpusSettings, write_corpus
from waypoint.benchmark.machine import this_machine
from waypoint.benchmark.processes import Simulating, run_simulator
from waypoint.benchmark.results import Results
from waypoint.benchmark.scale import STORES, Scale, ScaleSettings
from waypoint.benchmark.sweep import Service, Sweep, SweepSettings, Tell
from waypoint.embedding.providers import chosen_provider
from waypoint.errors import MissingKeyError
from waypoint.ingestion import runtime
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.plan import Plan, make_plan
from waypoint.ingestion.run import DEFAULT_COLLECTION
from waypoint.settings import load_settings

_MODEL = "gemini-embedding-001"


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """What is asked for."""

    sizes: tuple[int, ...]
    """Chunks of the generated corpus; several make scale runs instead of a sweep."""
    corpus: CorpusSettings
    folder: Path | None
    """A knowledge base instead of the generated one."""
    concurrency: tuple[int, ...]
    batch: tuple[int, ...]
    rounds: int
    simulating: Simulating | None
    """None for the real service."""
    bare: bool
    beside: bool
    quota_tier: str | None
    """Of the real account."""
    stores: tuple[str, ...] = STORES
    """Of scale runs; a sweep's is embedded."""

    @property
    def is_scale(self) -> bool:
        return len(self.sizes) > 1

    @property
    def sweep(self) -> SweepSettings:
        return SweepSettings(
            self.concurrency,
            self.batch,
            self.rounds,
            self.corpus.chunk_size,
            self.bare,
            self.beside and self.simulating is not None,
        )

    @property
    def scale(self) -> ScaleSettings:
        return ScaleSettings(
            self.sizes, self.stores, self.rounds, self.concurrency[0], self.batch[0]
        )

    @property
    def ingestions(self) -> Mapping[int, int]:
        """By the size of a corpus, how often it is embedded."""
        each = self.scale.runs_of_a_size if self.is_scale else self.sweep.runs
        return dict.fromkeys(self.sizes, each)


@dataclass(frozen=True, slots=True)
class Bill:
    """What the real service will have answered in the end."""

    ingestions: int
    texts: int
    cost_usd: float
    least_seconds: float
    """That the quota lets them through in."""


class Benchmark:
    """One benchmark: ``bill`` says what it costs, ``run`` runs it.

    Everything is written below a temporary folder that goes with the context.
    """

    def __init__(self, options: BenchmarkOptions, tell: Tell) -> None:
        self._options = options
        self._tell = tell
        self._stack = ExitStack()

    def __enter__(self) -> Benchmark:
        folder = tempfile.TemporaryDirectory(prefix="waypoint-benchmark-")
        self._folder = Path(self._stack.enter_context(folder))
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def bill(self) -> Bill:
        """What all ingestions of all corpora together come to."""
        times = self._options.ingestions
        plans = {size: self._plan(size) for size in times}
        return Bill(
            sum(times.values()),
            sum(plans[size].texts_to_embed * each for size, each in times.items()),
            sum(plans[size].cost_usd * each for size, each in times.items()),
            sum(plans[size].least_seconds * each for size, each in times.items()),
        )

    def _plan(self, size: int) -> Plan:
        settings = load_settings(
            knowledge_base_path=self._corpus(size),
            chroma_persist_path=self._folder / "none",
            chunk_size=self._options.corpus.chunk_size,
            chunk_overlap=0,
        )
        return runtime.run(make_plan, settings, IngestOptions())

    def run(self) -> Results:
        """Measure.

        Raises:
            RunFailedError: a measured run did not end well.
        """
        options = self._options
        results = Results(
            datetime.now(UTC).isoformat("T", "seconds"), this_machine(), asdict(options)
        )
        with ExitStack() as stack:
            service = self._service(stack)
            if options.is_scale:
                scale = Scale(service, options.scale, options.corpus, self._folder, self._tell)
                return replace(results, scale=scale.run())
            corpus = self._corpus(options.sizes[0])
            swept = Sweep(service, options.sweep, corpus, self._folder, self._tell).run()
        return replace(
            results, cells=swept.cells, chroma_alone=swept.alone, chroma_beside=swept.beside
        )

    def _corpus(self, chunks: int) -> Path:
        if self._options.folder is not None:
            return self._options.folder.resolve()
        folder = self._folder / f"corpus-{chunks}"
        if not folder.exists():
            files = write_corpus(folder, replace(self._options.corpus, chunks=chunks))
            self._tell(f"corpus: {chunks:,} chunks in {files:,} files")
        return folder

    def _service(self, stack: ExitStack) -> Service:
        simulating = self._options.simulating
        if simulating is None:
            return self._real_service()
        simulator = stack.enter_context(run_simulator(simulating))
        variables = {
            "GOOGLE_API_KEY": "key-of-a-benchmark",
            "GOOGLE_GEMINI_BASE_URL": simulator.base_url,
            "QUOTA_RPM": str(simulating.rpm),
            "QUOTA_TPM": str(simulating.tpm),
        }
        collection = f"{DEFAULT_COLLECTION}_simulated"
        limits = simulating.rpm, simulating.tpm
        return Service(variables, simulator, simulating, collection, _MODEL, *limits)

    def _real_service(self) -> Service:
        settings = load_settings(quota_tier=self._options.quota_tier)
        key, _ = settings.gemini_key
        if not key:
            raise MissingKeyError(
                "no API key: GOOGLE_API_KEY is not set",
                hint="set GOOGLE_API_KEY in the environment or in .env, or leave --real out to "
                "measure against the simulator",
            )
        variables = {
            "GOOGLE_API_KEY": key,
            "EMBEDDING_MODEL": settings.embedding_model,
            "EMBEDDING_DIMENSIONS": str(settings.embedding_dimensions),
        }
        if settings.google_gemini_base_url:
            variables["GOOGLE_GEMINI_BASE_URL"] = settings.google_gemini_base_url
        if settings.google_gemini_headers is not None:
            variables["GOOGLE_GEMINI_HEADERS"] = settings.google_gemini_headers.get_secret_value()
        variables["QUOTA_TIER"] = settings.quota_tier.value
        for name in ("quota_rpm", "quota_tpm"):
            limit = getattr(settings, name)
            if limit is not None:
                variables[name.upper()] = str(limit)
        # Simulated vectors go elsewhere, also from a server that only stands in for Gemini.
        variables["COLLECTION_NAME"] = collection = f"{DEFAULT_COLLECTION}_benchmark"
        rules = chosen_provider(settings).quota
        limits, to_find = rules.limits(settings.quota), settings.quota.to_find & rules.to_find
        rpm = 0 if "rpm" in to_find else limits.rpm
        tpm = 0 if "tpm" in to_find else limits.tpm
        return Service(variables, None, None, collection, settings.embedding_model, rpm, tpm)
