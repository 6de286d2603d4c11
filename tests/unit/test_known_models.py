"""What is known of the models."""

from __future__ import annotations

import pytest

from waypoint.embedding.known_models import DOCUMENT_TASK, QUERY_TASK
from waypoint.embedding.providers import known_model
from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.errors import ConfigurationError

FIRST, SECOND = "gemini-embedding-001", "gemini-embedding-2"


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_a_model_is_found_by_its_name(name: str) -> None:
    """Also by its resource name, as the service writes it."""
    assert known_model(name).name == name
    assert known_model(f"models/{name}") is known_model(name)


@pytest.mark.parametrize("name", ["gemini-embedding-3", "", "models/", "text-embedding-004"])
def test_an_unknown_model_is_refused_with_those_that_are_known(name: str) -> None:
    """Its limits and its price would be guesses."""
    with pytest.raises(ConfigurationError, match="EMBEDDING_MODEL") as caught:
        known_model(name)
    assert all(known in caught.value.hint for known in GEMINI_MODELS)


@pytest.mark.parametrize(("name", "tokens", "price"), [(FIRST, 2048, 0.15), (SECOND, 8192, 0.2)])
def test_limits_and_prices(name: str, tokens: int, price: float) -> None:
    """As Google's documentation gives them."""
    model = known_model(name)
    assert (model.max_input_tokens, model.usd_per_million_tokens) == (tokens, price)
    assert (model.min_dimensions, model.max_dimensions) == (128, 3072)


def test_the_first_model_is_told_its_task_beside_the_text() -> None:
    """So the text is embedded as it is."""
    assert known_model(FIRST).text_to_embed("Rotterdam", DOCUMENT_TASK) == "Rotterdam"


def test_a_context_stands_where_the_model_has_a_place_for_it() -> None:
    """As the title, or before the text."""
    first, second = (known_model(name) for name in (FIRST, SECOND))
    assert first.text_to_embed("It is busy.", DOCUMENT_TASK, "Ports") == "Ports\n\nIt is busy."
    sent = second.text_to_embed("It is {busy}.", DOCUMENT_TASK, "Ports > {Rotterdam}")
    assert sent == "title: Ports > {Rotterdam} | text: It is {busy}."


def test_what_a_model_takes_whole() -> None:
    """Sure is what has few bytes, or few tokens by a cautious estimate."""
    model = known_model(FIRST)
    assert model.takes("1" * 2046)
    assert not model.takes("1" * 2047)
    assert model.takes("harbour " * 600)
    assert not model.takes("harbour " * 800)


def test_the_second_model_is_told_its_task_in_the_text() -> None:
    """In the form of Google's documentation."""
    model = known_model(SECOND)
    assert model.text_to_embed("Rotterdam", DOCUMENT_TASK) == "title: none | text: Rotterdam"
    query = "task: search result | query: Rotterdam"
    assert model.text_to_embed("Rotterdam", QUERY_TASK) == query
