"""Providers: the services that embed, one entry each, and which of them a command uses."""

from __future__ import annotations

from waypoint.adapters import entry_of
from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.port import Endpoint, Provider
from waypoint.embedding.providers.developer_api import DeveloperApi
from waypoint.embedding.providers.simulated import SIMULATOR
from waypoint.embedding.providers.vertex_ai import VertexAi
from waypoint.errors import CollectionMismatchError, MissingKeyError
from waypoint.models import EmbeddingSpace
from waypoint.settings import Settings

PROVIDERS: dict[str, Provider] = {
    provider.name: provider for provider in (DeveloperApi(), VertexAi(), SIMULATOR)
}
"""By the name that settings, text keys, the ledger and collections have for it."""

_SIMULATED = {
    "embedding_provider": SIMULATOR.name,
    "google_gemini_base_url": None,
    "google_vertex_base_url": None,
}
"""What ``--simulate`` means: the built-in one, whatever else is configured."""


def provider_named(name: str) -> Provider:
    """The provider of that name.

    Raises:
        ConfigurationError: there is none.
    """
    return entry_of(PROVIDERS, name, "EMBEDDING_PROVIDER", "a provider")


def bills(name: str) -> bool:
    """Whether what that provider embedded costs money; a name that we do not know might."""
    return name not in PROVIDERS or PROVIDERS[name].bills


def with_simulator(settings: Settings, *, simulate: bool) -> Settings:
    """The settings, with the provider that ``--simulate`` asks for."""
    return settings.model_copy(update=_SIMULATED) if simulate else settings


def chosen_provider(settings: Settings) -> Provider:
    """The provider that the settings name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    return provider_named(settings.embedding_provider)


def chosen_model(settings: Settings) -> EmbeddingModel:
    """The model that the settings name, as their provider has it.

    Raises:
        ConfigurationError: the provider or its model is not known.
    """
    return known_model(settings.embedding_model, settings.embedding_provider)


def known_model(name: str, provider: str = DeveloperApi.name) -> EmbeddingModel:
    """A provider's model of that name.

    Raises:
        ConfigurationError: for a model whose limits and price we do not know.
    """
    models = provider_named(provider).models
    return entry_of(models, name.removeprefix("models/"), "EMBEDDING_MODEL (--model)", "a model")


def model_of(space: EmbeddingSpace) -> EmbeddingModel:
    """The model whose vectors a space has."""
    return known_model(space.model, space.provider)


def is_known(space: EmbeddingSpace) -> bool:
    """Whether there is such a provider, with such a model."""
    return space.provider in PROVIDERS and space.model in PROVIDERS[space.provider].models


async def find_endpoint(settings: Settings) -> Endpoint:
    """Where the calls of a run go; as ``Provider.find``."""
    try:
        return await chosen_provider(settings).find(settings)
    except MissingKeyError as error:
        error.hint += (
            ", or add --simulate to try everything without a key against the built-in simulator"
        )
        raise


async def endpoint_of(settings: Settings, provider: str) -> Endpoint:
    """Where texts are embedded that are compared with those of a collection of that provider.

    Raises:
        MissingKeyError: there is no key for it.
        CollectionMismatchError: what is configured makes other vectors.
        KeyRefusedError, RequestRefusedError, ServiceUnavailableError: as ``Provider.find``.
    """
    wanted = provider_named(provider)
    try:
        endpoint = await wanted.find(settings)
    except MissingKeyError as error:
        raise MissingKeyError(
            f"the collection has {wanted.title}'s vectors, and there is {error.message}",
            hint=error.hint,
        ) from error
    if endpoint.provider.name != wanted.name:
        raise CollectionMismatchError(
            f"the collection has {wanted.title}'s vectors, and what is configured is "
            f"{endpoint.provider.title}",
            hint="unset GOOGLE_GEMINI_BASE_URL, or choose another collection with --collection",
        )
    return endpoint
