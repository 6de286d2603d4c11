"""What holds of every provider: a suite that each adapter is run through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import pytest

from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.port import (
    CallRefusedError,
    Embedder,
    Provider,
    QuotaExceededError,
    TransientCallError,
)
from waypoint.embedding.text_key import TextKeys
from waypoint.errors import KeyRefusedError
from waypoint.models import EmbeddingSpace
from waypoint.settings import QuotaSettings, QuotaTier, Settings

POISON = "a text with poison in it"
"""Every service of the suite refuses it."""


class Failure(Enum):
    """What a service of the suite can be made to do with the next call."""

    QUOTA = auto()
    """Too many, and a delay."""
    OVERLOAD = auto()
    BROKEN = auto()
    """The line breaks before an answer."""
    SHORT = auto()
    """A vector is missing."""


@dataclass(frozen=True, slots=True)
class Served:
    """A provider with a service behind it."""

    provider: Provider
    settings: Settings
    """By which its service is found."""
    wrong_key: Settings


class ProviderContract:
    """Run by a subclass that serves the provider."""

    def serve(self, *failures: Failure) -> AbstractAsyncContextManager[Served]:
        """A service that meets its first calls with these failures."""
        raise NotImplementedError

    @asynccontextmanager
    async def _embedder(self, *failures: Failure) -> AsyncIterator[Embedder]:
        async with self.serve(*failures) as served:
            endpoint = await served.provider.find(served.settings)
            async with endpoint.open(_space(served)) as embedder:
                yield embedder

    async def test_what_it_is_can_be_told_without_asking_it(self) -> None:
        """Its names, its models with their limits and prices, and what its limits count."""
        async with self.serve() as served:
            provider = served.provider
            assert provider.name == provider.name.strip().lower() != ""
            assert provider.title
            assert isinstance(provider.bills, bool)
            for name, model in provider.models.items():
                assert model.name == name
                assert 0 < model.min_dimensions <= model.max_dimensions
                assert min(model.max_input_tokens, model.max_texts, model.max_bytes) > 0
                assert model.usd_per_million_tokens >= 0
            auto = QuotaSettings(QuotaTier.AUTO, None, None, None)
            start = provider.quota.limits(auto)
            assert provider.quota.to_find <= {"rpm", "tpm"}
            assert all(getattr(start, name) > 0 for name in provider.quota.to_find)
            given = QuotaSettings(QuotaTier.AUTO, 7, 8, 9)
            limits = provider.quota.limits(given)
            assert (limits.rpm, limits.tpm, limits.rpd) == (7, 8, 9)
            await provider.preload()

    async def test_an_endpoint_says_whose_vectors_it_brings(self) -> None:
        """And an embedder, which space: no key of a text is that of another provider."""
        async with self.serve() as served:
            endpoint = await served.provider.find(served.settings)
            assert endpoint.provider.name == served.provider.name
            space = _space(served)
            async with endpoint.open(space) as embedder:
                assert embedder.space == space
            other = EmbeddingSpace("another", space.model, space.dimensions, space.task_type)
            assert TextKeys(space).key("x") != TextKeys(other).key("x")

    async def test_each_text_has_its_own_vector_in_order(self) -> None:
        """Float32, of unit length and of the space's dimension; the same text, the same vector."""
        texts = ["a port", "a harbour", "a port"]
        async with self._embedder() as embedder:
            answer = await embedder.embed(texts)
            (alone,) = (await embedder.embed(texts[1:2])).vectors
        assert answer.vectors.shape == (3, embedder.space.dimensions)
        assert answer.vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(answer.vectors, axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(answer.vectors[0], answer.vectors[2])
        np.testing.assert_allclose(answer.vectors[1], alone, atol=1e-6)
        assert not np.allclose(answer.vectors[0], alone)
        assert answer.tokens is None or answer.tokens >= len(texts)

    async def test_a_call_takes_as_many_texts_as_its_model_says(self) -> None:
        """No fewer."""
        async with self.serve() as served:
            space = _space(served)
            texts = [f"port {n}" for n in range(served.provider.models[space.model].max_texts)]
            endpoint = await served.provider.find(served.settings)
            async with endpoint.open(space) as embedder:
                assert len((await embedder.embed(texts)).vectors) == len(texts)

    async def test_too_many_is_told_from_all_else(self) -> None:
        """With the delay that the service asks for; it is worth another try."""
        async with self._embedder(Failure.QUOTA) as embedder:
            with pytest.raises(QuotaExceededError) as caught:
                await embedder.embed(["a port"])
            assert caught.value.retry_after is not None
            assert len((await embedder.embed(["a port"])).vectors) == 1

    @pytest.mark.parametrize("failure", [Failure.OVERLOAD, Failure.BROKEN, Failure.SHORT])
    async def test_what_may_pass_is_worth_another_try(self, failure: Failure) -> None:
        """It is no quota's; an overload says so; of a short answer nothing is used."""
        async with self._embedder(failure) as embedder:
            with pytest.raises(TransientCallError) as caught:
                await embedder.embed(["a port", "a harbour"])
        assert not isinstance(caught.value, QuotaExceededError)
        assert caught.value.overload == (failure is Failure.OVERLOAD)

    async def test_a_text_that_is_refused_is_not_quoted(self) -> None:
        """It is the call's texts, not the service, that is at fault."""
        async with self._embedder() as embedder:
            with pytest.raises(CallRefusedError) as caught:
                await embedder.embed([POISON])
            assert not caught.value.doubtful
            assert POISON not in str(caught.value)
            assert len((await embedder.embed(["a port"])).vectors) == 1

    async def test_a_key_that_is_refused_ends_everything(self) -> None:
        """When the service is found, or with the first call; the hint says what to do."""
        async with self.serve() as served:
            with pytest.raises(KeyRefusedError) as caught:
                await _embed_by(served.provider, served.wrong_key, _space(served))
        assert caught.value.hint


def _space(served: Served) -> EmbeddingSpace:
    name, model = next(iter(served.provider.models.items()))
    dimensions = min(model.max_dimensions, max(model.min_dimensions, 32))
    return EmbeddingSpace(served.provider.name, name, dimensions, DOCUMENT_TASK)


async def _embed_by(provider: Provider, settings: Settings, space: EmbeddingSpace) -> None:
    endpoint = await provider.find(settings)
    async with endpoint.open(space) as embedder:
        await embedder.embed(["a port"])
