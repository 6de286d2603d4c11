"""GeminiEmbedder through the real SDK, over HTTP: vectors, tokens, and one request a call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from tests.support.page_server import page_server
from waypoint.bounded_http import AnswerBody
from waypoint.embedding.known_models import DOCUMENT_TASK, QUERY_TASK
from waypoint.embedding.port import Answer, CallError, TransientCallError
from waypoint.embedding.providers import gemini as gemini_module
from waypoint.embedding.providers import known_model
from waypoint.embedding.providers.gemini import GeminiEmbedder, open_client
from waypoint.embedding.providers.gemini_answers import read_answer
from waypoint.embedding.providers.model_card import model_card, names_simulator
from waypoint.embedding.providers.refusals import Called
from waypoint.errors import KeyRefusedError, RequestRefusedError
from waypoint.models import EmbeddingSpace, Vector
from waypoint.simulator import Fault, Simulator, SimulatorSettings, vector_of

FIRST, SECOND = "gemini-embedding-001", "gemini-embedding-2"
KEY = "AIzaSyA-key-that-must-not-be-seen-anywhere"
TEXTS = [f"port of call number {number}" for number in range(100)]


@asynccontextmanager
async def gemini(
    simulator: Simulator,
    *,
    model: str = FIRST,
    dimensions: int = 768,
    task: str = DOCUMENT_TASK,
    timeout: float = 10.0,  # noqa: ASYNC109 - the embedder's own setting
) -> AsyncIterator[GeminiEmbedder]:
    """An embedder that speaks to the simulator."""
    async with open_client(KEY, simulator.base_url) as client:
        yield GeminiEmbedder(client, EmbeddingSpace("gemini", model, dimensions, task), timeout)


def unit(text: str, model: str = FIRST, dimensions: int = 768) -> Vector:
    """The simulator's vector of a text, at unit length."""
    vector = vector_of(text, model, dimensions)
    normalised: Vector = vector / np.linalg.norm(vector)
    return normalised


@pytest.mark.parametrize("dimensions", [128, 768, 3072])
async def test_vectors_are_of_unit_length_and_in_order(dimensions: int) -> None:
    """As the models' docstring promises: float32, C-contiguous, shape (texts, dimensions)."""
    async with Simulator() as simulator, gemini(simulator, dimensions=dimensions) as embedder:
        answer = await embedder.embed(TEXTS)
    vectors = answer.vectors
    assert vectors.shape == (100, dimensions)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
    expected = np.array([unit(text, FIRST, dimensions) for text in TEXTS])
    assert np.abs(vectors - expected).max() < 1e-6
    assert answer.tokens is None


async def test_the_second_model_gives_each_text_its_own_vector() -> None:
    """The trap of that model is a list that becomes one vector; it also tells tokens."""
    async with Simulator() as simulator, gemini(simulator, model=SECOND) as embedder:
        answer = await embedder.embed(["a", "bb", "ccc"])
        tokens = simulator.stats().tokens_answered
    expected = np.array([unit(text, SECOND) for text in ("a", "bb", "ccc")])
    assert np.abs(answer.vectors - expected).max() < 1e-6
    assert answer.tokens == tokens == 3


@pytest.mark.parametrize("task", [DOCUMENT_TASK, QUERY_TASK])
async def test_the_second_model_is_told_the_task_in_the_text(task: str) -> None:
    """It is embedded as it is sent, and so is what is counted."""
    text = known_model(SECOND).text_to_embed("Rotterdam", task)
    assert text != "Rotterdam"
    async with Simulator() as simulator, gemini(simulator, model=SECOND, task=task) as embedder:
        (vector,) = (await embedder.embed([text])).vectors
    assert np.abs(vector - unit(text, SECOND)).max() < 1e-6


async def test_a_call_is_one_request() -> None:
    """Of all its texts, whatever their number and signs."""
    texts = ["Zürich", "東京の港", "\U0001f6a2", 'quoted "\\n" \x01', "x" * 20_000]
    async with Simulator() as simulator, gemini(simulator) as embedder:
        await embedder.embed(texts)
        stats = simulator.stats()
        answers = simulator.answers_by_text()
    assert (stats.calls, stats.texts_answered) == (1, 5)
    assert set(answers.values()) == {1}


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.RESET_IN_BODY, Fault.TRUNCATED])
async def test_nothing_is_sent_again_in_secret(fault: Fault) -> None:
    """A broken line is our caller's to judge: also on a connection that was used before."""
    async with Simulator() as simulator, gemini(simulator) as embedder:
        await embedder.embed(["warm"])
        simulator.configure(fault_script=(fault,))
        with pytest.raises(TransientCallError):
            await embedder.embed(["once"])
        assert simulator.stats().calls == 2
        assert simulator.stats().texts_received == 2


async def test_calls_in_flight_do_not_mix() -> None:
    """Sixteen at once, each given its own vectors."""
    settings = SimulatorSettings(latency_jitter_ms=30)
    batches = [TEXTS[start : start + 5] for start in range(0, 80, 5)]
    async with Simulator(settings) as simulator, gemini(simulator) as embedder:
        answers = await asyncio.gather(*(embedder.embed(batch) for batch in batches))
    for batch, answer in zip(batches, answers, strict=True):
        expected = np.array([unit(text) for text in batch])
        assert np.abs(answer.vectors - expected).max() < 1e-6


async def test_answers_are_read_one_at_a_time_and_once_there_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two wait while one is read; what arrived is billed, so a cancellation waits as well."""
    begun, release = threading.Event(), threading.Event()
    together = [0, 0]

    def held(body: AnswerBody, texts: Sequence[str], *, dimensions: int, form: str) -> Answer:
        together[:] = [together[0] + 1, max(together[1], together[0] + 1)]
        begun.set()
        assert release.wait(30)
        answer = read_answer(body, texts, dimensions=dimensions, form=form)
        together[0] -= 1
        return answer

    monkeypatch.setattr(gemini_module, "read_answer", held)
    answers: list[Answer] = []
    async with Simulator() as simulator, gemini(simulator) as embedder:

        def all_arrived() -> bool:
            return begun.is_set() and embedder._reading.statistics().tasks_waiting == 2

        async def call(text: str) -> None:
            answers.append(await embedder.embed([text]))

        async with anyio.create_task_group() as group:
            for text in TEXTS[:3]:
                group.start_soon(call, text)
            try:
                with anyio.fail_after(20):
                    while not all_arrived():
                        await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            finally:
                release.set()
    assert len(answers) == 3
    assert together == [0, 1]


async def test_a_call_that_is_cancelled_leaves_nothing_behind() -> None:
    """Neither a connection in use nor an answer for the next call."""
    async with Simulator() as simulator, gemini(simulator) as embedder:
        simulator.configure(fault_script=(Fault.HANG,))
        call = asyncio.create_task(embedder.embed(["cut short"]))
        async with asyncio.timeout(5):
            while not simulator.stats().calls_in_flight:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            answer = await embedder.embed(["the next"])
    assert np.abs(answer.vectors[0] - unit("the next")).max() < 1e-6


async def test_the_simulator_is_known_by_its_own_word() -> None:
    """So that its vectors are never taken for the real model's."""
    async with Simulator(SimulatorSettings(api_key=KEY)) as simulator:
        for model in (FIRST, SECOND):
            for end in ("", "/", "/v1", "/v1beta/"):
                url = f"{simulator.base_url}{end}"
                card = await model_card(url, KEY, Called(model), deadline=5)
                assert names_simulator(card["displayName"])
        assert simulator.stats().calls == 0


async def test_a_server_that_is_asked_for_its_word_may_refuse() -> None:
    """A key that it does not take ends the run before anything is read; one that does not serve
    the question may embed all the same."""
    async with Simulator(SimulatorSettings(api_key="another")) as simulator:
        with pytest.raises(KeyRefusedError):
            await model_card(simulator.base_url, KEY, Called(FIRST), deadline=5)
        simulator.configure(api_key=None)
        assert await model_card(simulator.base_url, KEY, Called("gecko"), deadline=5) == {}


async def test_a_server_that_is_not_there_is_a_transient_failure() -> None:
    """For a call as for the first question."""
    async with Simulator() as simulator:
        pass_by = simulator.base_url
    with pytest.raises(TransientCallError, match="connection failed"):
        await model_card(pass_by, KEY, Called(FIRST), deadline=5)
    async with open_client(KEY, pass_by) as client:
        space = EmbeddingSpace("gemini", FIRST, 768, DOCUMENT_TASK)
        with pytest.raises(TransientCallError, match="connection failed"):
            await GeminiEmbedder(client, space, 5).embed(["a"])


async def test_nothing_shows_the_key() -> None:
    """Neither the embedder's repr nor its client's."""
    async with Simulator() as simulator, gemini(simulator) as embedder:
        assert KEY not in repr(embedder)
        assert KEY not in repr(vars(embedder))


@pytest.mark.parametrize("page", ["<html>Zugriff verweigert f\xfcr Sie</html>", "<html>no</html>"])
@pytest.mark.parametrize(
    ("status", "kind"), [(403, KeyRefusedError), (404, RequestRefusedError), (429, CallError)]
)
async def test_a_failure_is_its_status_whatever_its_page_is_written_in(
    page: str, status: int, kind: type[Exception]
) -> None:
    """A proxy's page is none of Google's errors, and may not be UTF-8."""
    space = EmbeddingSpace("gemini", FIRST, 768, DOCUMENT_TASK)
    with page_server(status, page.encode("latin-1")) as port:
        async with open_client(KEY, f"http://127.0.0.1:{port}") as client:
            with pytest.raises(kind) as caught:
                await GeminiEmbedder(client, space, 10.0).embed(["a text"])
    assert str(status) in str(caught.value)
