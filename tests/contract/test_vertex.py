"""Vertex AI's calls and tokens: the SDK and google-auth as they are, over the loopback."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from tests.support.hostile_server import HostileAnswer, hostile_server
from tests.support.vertex import PROJECT, service_account
from waypoint.embedding.known_models import DOCUMENT_TASK, QUERY_TASK
from waypoint.embedding.port import (
    CallRefusedError,
    Embedder,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.providers import PROVIDERS
from waypoint.embedding.providers import vertex as vertex_module
from waypoint.errors import KeyRefusedError, MissingKeyError, ServiceUnavailableError
from waypoint.models import EmbeddingSpace
from waypoint.settings import load_settings
from waypoint.simulator import Fault, Simulator, SimulatorSettings, server, vector_of

FIRST, SECOND = "gemini-embedding-001", "gemini-embedding-2"
TEXTS = ["a port", "a harbour", "what ships need"]


@pytest.fixture(autouse=True)
def nameless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server does not say that it is the simulator; credentials are a test's own alone."""
    monkeypatch.setattr(server._Handlers, "stats", server._Handlers.token)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def embedder_at(
    base_url: str, *, model: str = FIRST, task: str = DOCUMENT_TASK, **settings: Any
) -> AsyncIterator[Embedder]:
    """One by these settings."""
    vertex = PROVIDERS["vertex"]
    given = {"google_vertex_base_url": base_url, "embedding_model": model, **settings}
    endpoint = await vertex.find(load_settings(**given))
    assert endpoint.provider.name == "vertex"
    async with endpoint.open(EmbeddingSpace("vertex", model, 128, task)) as embedder:
        yield embedder


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Application default credentials: a file, to be filled by ``service_account``."""
    path = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


async def test_vectors_and_counts_are_the_services(account: Path) -> None:
    """By a service account, and by an express key; of either model; documents and questions."""
    async with Simulator(SimulatorSettings(api_key="a-key")) as simulator:
        service_account(account, simulator.base_url)
        for express in ({}, {"google_api_key": "a-key"}):
            for task in (DOCUMENT_TASK, QUERY_TASK):
                async with embedder_at(simulator.base_url, task=task, **express) as embedder:
                    answer = await embedder.embed(TEXTS)
                assert answer.tokens == 2 + 3 + 4
                expected = np.array([vector_of(text, FIRST, 128) for text in TEXTS])
                expected /= np.linalg.norm(expected, axis=1, keepdims=True)
                np.testing.assert_allclose(answer.vectors, expected, atol=1e-6)
            async with embedder_at(simulator.base_url, model=SECOND, **express) as embedder:
                answer = await embedder.embed(TEXTS[:1])
            assert answer.tokens == 2
            second = vector_of(TEXTS[0], SECOND, 128)
            second /= np.linalg.norm(second)
            np.testing.assert_allclose(answer.vectors[0], second, atol=1e-6)
        assert simulator.stats().calls == 6


async def test_a_text_is_never_cut_silently(account: Path) -> None:
    """One that the model does not take whole is refused, of either model, and not quoted."""
    async with Simulator() as simulator:
        service_account(account, simulator.base_url)
        for model, words in ((FIRST, 2_100), (SECOND, 8_300)):
            async with embedder_at(simulator.base_url, model=model) as embedder:
                with pytest.raises(CallRefusedError, match="model supports up to") as caught:
                    await embedder.embed(["long " * words])
                assert not caught.value.doubtful


async def test_a_quota_says_neither_delay_nor_figure(account: Path) -> None:
    """As Vertex AI's do; the sentence is kept."""
    async with Simulator(SimulatorSettings(tpm=3)) as simulator:
        service_account(account, simulator.base_url)
        async with embedder_at(simulator.base_url) as embedder:
            with pytest.raises(QuotaExceededError) as caught:
                await embedder.embed(TEXTS)
    assert (caught.value.retry_after, caught.value.rpm, caught.value.tpm) == (None, None, None)
    assert "embed_content_input_tokens_per_minute_per_base_model" in caught.value.said


async def test_a_token_is_renewed_before_it_ends_and_the_loop_goes_on(account: Path) -> None:
    """By a call that finds it old, in a thread."""
    late = 1.0

    def token(_method: str, _path: str, _asked: bytes) -> HostileAnswer:
        time.sleep(late)
        return HostileAnswer([b'{"access_token": "nobodys", "expires_in": 1}'])

    async with Simulator(SimulatorSettings(token_told_s=1)) as simulator:
        service_account(account, simulator.base_url)
        async with embedder_at(simulator.base_url) as embedder:
            for _ in range(3):
                await embedder.embed(TEXTS)
        assert simulator.stats().calls == 3
        with hostile_server(token) as port:
            service_account(account, f"http://127.0.0.1:{port}")
            longest = 0.0

            async def tick() -> None:
                nonlocal longest
                while True:
                    before = time.monotonic()
                    await anyio.sleep(0.01)
                    longest = max(longest, time.monotonic() - before)

            async with anyio.create_task_group() as group:
                async with embedder_at(simulator.base_url) as embedder:
                    group.start_soon(tick)
                    with pytest.raises(TransientCallError, match="401"):
                        await embedder.embed(TEXTS)
                group.cancel_scope.cancel()
    assert longest < late


async def test_a_token_that_is_refused_is_renewed_once(account: Path) -> None:
    """It may have been revoked; if another is refused as well, it is the account."""
    async with Simulator(SimulatorSettings(token_s=0)) as simulator:
        service_account(account, simulator.base_url)
        async with embedder_at(simulator.base_url) as embedder:
            with pytest.raises(TransientCallError, match="401"):
                await embedder.embed(TEXTS)
            simulator.configure(token_s=3600)
            assert len((await embedder.embed(TEXTS)).vectors) == len(TEXTS)
        simulator.configure(token_s=0)
        async with embedder_at(simulator.base_url) as embedder:
            with pytest.raises(TransientCallError, match="401"):
                await embedder.embed(TEXTS)
            with pytest.raises(KeyRefusedError, match="refuses the credentials") as caught:
                await embedder.embed(TEXTS)
    assert "roles/aiplatform.user" in caught.value.hint


async def test_a_token_that_was_taken_may_end_again_and_again(account: Path) -> None:
    """Also where each call that it was taken for failed of something else."""
    script = (Fault.UNAVAILABLE,) * 3
    async with Simulator(SimulatorSettings(fault_script=script)) as simulator:
        service_account(account, simulator.base_url)
        async with embedder_at(simulator.base_url) as embedder:
            for _ in script:
                with pytest.raises(TransientCallError, match="503"):
                    await embedder.embed(TEXTS)
                simulator.revoke_tokens()
                with pytest.raises(TransientCallError, match="401"):
                    await embedder.embed(TEXTS)
            assert len((await embedder.embed(TEXTS)).vectors) == len(TEXTS)


async def test_credentials_that_are_of_no_use(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, one that is none, an account that Google refuses, a server that is away."""
    useless = account.with_name("useless.json")
    useless.write_text("{}")
    async with Simulator() as simulator:
        for path in (account, useless):
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
            with pytest.raises(MissingKeyError) as missing:
                async with embedder_at(simulator.base_url):
                    pass
            assert "GOOGLE_APPLICATION_CREDENTIALS" in missing.value.hint
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        refusal = HostileAnswer([b'{"error": "invalid_grant", "error_description": "gone"}'], 400)
        with hostile_server(lambda *_asked: refusal) as port:
            service_account(account, f"http://127.0.0.1:{port}")
            with pytest.raises(KeyRefusedError, match="invalid_grant") as refused:
                async with embedder_at(simulator.base_url):
                    pass
        assert "GOOGLE_APPLICATION_CREDENTIALS" in refused.value.hint
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
        with pytest.raises(MissingKeyError, match="no Google credentials"):
            async with embedder_at(simulator.base_url):
                pass
        gone = simulator.base_url
    with pytest.raises(ServiceUnavailableError, match="GOOGLE_VERTEX_BASE_URL"):
        await PROVIDERS["vertex"].find(load_settings(google_vertex_base_url=gone))


async def test_the_look_for_credentials_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that swallows the question for a metadata server is waited for no longer."""
    monkeypatch.setattr(vertex_module, "_CREDENTIALS_TIMEOUT", 0.2)
    monkeypatch.setattr(vertex_module, "_load", lambda: time.sleep(1))
    async with Simulator() as simulator:
        with pytest.raises(MissingKeyError, match="within"):
            async with embedder_at(simulator.base_url):
                pass


async def test_addresses_are_googles_where_nothing_else_is_said(account: Path) -> None:
    """The project's location, or the global one of express mode."""
    async with Simulator() as simulator:
        service_account(account, simulator.base_url)
        hosts = []
        for settings in (
            {},
            {"google_cloud_location": "europe-west4"},
            {"google_cloud_location": "eu"},
            {"embedding_model": SECOND},
            {"google_api_key": "a-key"},
        ):
            given = load_settings(**settings)
            endpoint = await PROVIDERS["vertex"].find(given)
            space = EmbeddingSpace("vertex", given.embedding_model, 128, DOCUMENT_TASK)
            async with endpoint.open(space) as embedder:
                assert isinstance(embedder, vertex_module.VertexEmbedder)
                api = embedder._client._api_client
                hosts.append(api._http_options.base_url)
                assert api._http_options.api_version == "v1beta1"
                assert (api.project or PROJECT) == PROJECT
    assert hosts == [
        "https://us-central1-aiplatform.googleapis.com/",
        "https://europe-west4-aiplatform.googleapis.com/",
        "https://aiplatform.eu.rep.googleapis.com/",
        "https://aiplatform.googleapis.com/",
        "https://aiplatform.googleapis.com/",
    ]
