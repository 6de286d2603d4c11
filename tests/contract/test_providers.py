"""Every provider keeps the contract, and a whole ingestion runs with one that we did not write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.provider_contract import POISON, Failure, ProviderContract, Served
from tests.support.collection import read_embedded_async
from tests.support.corpus import write_corpus
from tests.support.toy_provider import MAX_TEXTS, MODEL, ToyProvider, ToyService
from waypoint.embedding.providers import PROVIDERS, endpoint_of, provider_named
from waypoint.errors import CollectionMismatchError, ConfigurationError, MissingKeyError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.plan import make_plan
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import EventBus
from waypoint.observe.progress import Progress
from waypoint.observe.report import RunReport
from waypoint.settings import load_settings
from waypoint.simulator import Fault, Simulator, SimulatorSettings, server
from waypoint.simulator.models import SimulatedModel

KEY, WRONG = "AIza-a-key", "AIza-another-key"

FAULTS = {
    Failure.QUOTA: Fault.RATE_LIMITED,
    Failure.OVERLOAD: Fault.UNAVAILABLE,
    Failure.BROKEN: Fault.RESET_BEFORE_ANSWER,
    Failure.SHORT: Fault.TOO_FEW_VECTORS,
}
TOY_FAILURES = {
    Failure.QUOTA: "quota",
    Failure.OVERLOAD: "overload",
    Failure.BROKEN: "broken",
    Failure.SHORT: "short",
}


@asynccontextmanager
async def simulated(provider: str, failures: tuple[Failure, ...]) -> AsyncIterator[Served]:
    """A provider whose service is a simulator in this process."""
    script = tuple(FAULTS[failure] for failure in failures)
    settings = SimulatorSettings(fault_script=script, poison=POISON, api_key=KEY)
    async with Simulator(settings) as simulator:
        right, wrong = (
            load_settings(
                google_api_key=key,
                google_gemini_base_url=simulator.base_url,
                google_vertex_base_url=simulator.base_url,
            )
            for key in (KEY, WRONG)
        )
        yield Served(PROVIDERS[provider], right, wrong)


class TestGemini(ProviderContract):
    """The Gemini API, spoken by a server that does not say it is the simulator."""

    @pytest.fixture(autouse=True)
    def _nameless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resource = SimulatedModel.resource
        monkeypatch.setattr(
            SimulatedModel, "resource", lambda model: {**resource(model), "displayName": "Gemini"}
        )

    @asynccontextmanager
    async def serve(self, *failures: Failure) -> AsyncIterator[Served]:
        async with simulated("gemini", failures) as served:
            yield served


class TestVertex(ProviderContract):
    """Vertex AI in express mode, by a server that does not say it is the simulator."""

    @pytest.fixture(autouse=True)
    def _nameless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server._Handlers, "stats", server._Handlers.token)

    @asynccontextmanager
    async def serve(self, *failures: Failure) -> AsyncIterator[Served]:
        async with simulated("vertex", failures) as served:
            yield served


class TestSimulator(ProviderContract):
    """A simulator that somebody else runs."""

    @asynccontextmanager
    async def serve(self, *failures: Failure) -> AsyncIterator[Served]:
        async with simulated("simulator", failures) as served:
            yield served


class TestToy(ProviderContract):
    """A provider with another wire format, made by one file."""

    @asynccontextmanager
    async def serve(self, *failures: Failure) -> AsyncIterator[Served]:
        service = ToyService()
        service.failures += [TOY_FAILURES[failure] for failure in failures]
        async with service.serve() as port:
            right, wrong = (load_settings(google_api_key=key) for key in ("open-sesame", "wrong"))
            yield Served(ToyProvider(port), right, wrong)


async def test_the_built_in_simulator_is_started_where_none_is_configured() -> None:
    """It needs no key, brings vectors of its own name, and ends with its context."""
    provider = PROVIDERS["simulator"]
    endpoint = await provider.find(load_settings())
    assert (endpoint.provider.name, endpoint.quota.to_find) == ("simulator", frozenset())


def test_a_name_that_no_provider_has_is_told_with_those_there_are() -> None:
    """Before anything is done."""
    with pytest.raises(ConfigurationError, match="'verteks': not a provider") as caught:
        provider_named("verteks")
    assert all(name in caught.value.hint for name in PROVIDERS)


async def test_vectors_of_two_providers_are_never_compared() -> None:
    """A collection of Gemini's needs its key, and a service that is no simulator."""
    with pytest.raises(MissingKeyError, match="has Gemini's vectors"):
        await endpoint_of(load_settings(), "gemini")
    async with simulated("simulator", ()) as served:
        with pytest.raises(CollectionMismatchError, match="what is configured is the simulator"):
            await endpoint_of(served.settings, "gemini")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve documents of two sections."""
    write_corpus(tmp_path / "kb", documents=12, sections=2)
    (tmp_path / "store").mkdir()
    return tmp_path


async def test_a_whole_ingestion_runs_with_a_provider_that_is_an_entry_in_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures and all; a second run calls nobody; the plan knows its price and its calls."""
    service = ToyService()
    service.failures += ["overload", "quota", "short", "broken"]
    monkeypatch.setattr("waypoint.embedding.retrying.FIRST_BACKOFF", 0.001)
    async with service.serve() as port:
        monkeypatch.setitem(PROVIDERS, "toy", ToyProvider(port))
        settings = load_settings(
            knowledge_base_path=folder / "kb",
            chroma_persist_path=folder / "store",
            log_dir=folder,
            embedding_provider="toy",
            embedding_model=MODEL,
            embedding_dimensions=128,
            google_api_key="open-sesame",
        )
        plan = await make_plan(settings, IngestOptions())
        assert (plan.texts_to_embed, plan.calls) == (24, -(-24 // MAX_TEXTS))
        assert plan.cost_usd == pytest.approx(plan.tokens_to_embed / 1_000_000)

        async def ingest() -> RunReport:
            events, reporting = EventBus(), Progress()
            events.subscribe(reporting)
            await Ingestion(settings, IngestOptions(), events).run()
            return reporting.report

        report = await ingest()
        assert (report.provider, report.collection) == ("toy", "waypoint_kb_toy")
        assert report.texts_embedded == report.chunks["added"] == 24
        assert max(map(len, service.calls)) <= MAX_TEXTS
        calls = len(service.calls)
        assert (await ingest()).chunks["added"] == 0
        assert len(service.calls) == calls
    collection = await read_embedded_async(folder / "store", folder, "waypoint_kb_toy")
    assert len(collection.records) == 24
    assert collection.metadata["waypoint_provider"] == "toy"
