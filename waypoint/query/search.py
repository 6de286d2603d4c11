"""A search: one question to one collection."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from waypoint.embedding.known_models import QUERY_TASK
from waypoint.embedding.providers import endpoint_of
from waypoint.errors import CollectionMismatchError, StoreDamagedError, UsageError
from waypoint.formats.metadata.fields import CHROMAS
from waypoint.formats.text.normalised import is_unicode
from waypoint.ingestion.recipe import space_of
from waypoint.models import Metadata
from waypoint.observe.events import EventBus
from waypoint.query.choose import choose_collection
from waypoint.query.embed_questions import Service, ServiceTexts
from waypoint.query.headings import heading_of
from waypoint.query.open import open_for_reading
from waypoint.settings import Settings
from waypoint.storage.port import Neighbour


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found."""

    id: str
    score: float
    """Cosine similarity: 1 for the same direction."""
    source: str
    heading: str
    page: int | None
    text: str
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found in which collection."""

    question: str
    collection: str
    model: str
    hits: Sequence[Hit]
    notices: Sequence[str] = ()


def parse_where(conditions: Sequence[str]) -> dict[str, Any] | None:
    """Chroma's filter for ``key=value`` conditions that must all hold; None for none.

    A value that looks like a number or a truth value is compared as one, too: metadata have
    types, and Chroma's filters tell ``3`` from ``"3"``.

    Raises:
        UsageError: a condition without a key, or without ``=``.
    """
    filters = []
    for condition in conditions:
        key, separator, value = condition.partition("=")
        if not separator or not key.strip():
            raise UsageError(
                f"--where {condition!r} is not of the form key=value",
                hint="give a field of the chunks' metadata: --where category=02_carriers",
            )
        name = key.strip()
        if not is_unicode(condition):
            raise UsageError("a --where is not valid UTF-8", hint="type it anew")
        # As they are stored: Chroma takes no names that begin so.
        name = f"fm_{name}" if name.startswith(CHROMAS) else name
        forms = [{name: {"$eq": form}} for form in _forms(value.strip())]
        filters.append(forms[0] if len(forms) == 1 else {"$or": forms})
    if not filters:
        return None
    return filters[0] if len(filters) == 1 else {"$and": filters}


def _forms(value: str) -> list[str | int | float | bool]:
    forms: list[str | int | float | bool] = [value]
    if value.lower() in ("true", "false"):
        forms.append(value.lower() == "true")
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        if abs(number) < 2**63:
            forms.append(number)
    return forms


async def search(
    settings: Settings,
    question: str,
    events: EventBus,
    *,
    top: int,
    where: Sequence[str],
    simulate: bool,
) -> SearchResult:
    """The ``top`` chunks nearest to the question, nearest first.

    Raises:
        UsageError: an empty question, an impossible condition, no such collection, or no key.
        StoreLockedError: the embedded store is in use.
        WaypointError: store or service cannot be asked.
    """
    if not question.strip():
        raise UsageError(
            "the question is empty", hint='ask in words: `waypoint search "who may vote?"`'
        )
    if not is_unicode(question):
        raise UsageError("the question is not valid UTF-8", hint="type it anew")
    conditions = parse_where(where)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_for_reading(settings, events))
        chosen = await choose_collection(store, settings, simulate=simulate)
        if chosen.state is None:
            raise StoreDamagedError(
                f"collection {chosen.name!r} is gone from Chroma",
                hint="ingest again: it is written anew from the committed vectors",
            )
        space = space_of(chosen.state.metadata)
        if space is None:
            raise CollectionMismatchError(
                f"collection {chosen.name!r} does not say which model its vectors are of",
                hint="choose a collection made by Waypoint with --collection",
            )
        # What is asked is asked of the collection's model, whatever the settings say.
        fitting = settings.model_copy(update={"embedding_model": space.model})
        endpoint = await endpoint_of(fitting, space.provider)
        service = Service(fitting, endpoint, store.ledger, events, stack)
        texts = ServiceTexts(service, replace(space, task_type=QUERY_TASK))
        vectors = await texts.embed([question.strip()])
        (neighbours,) = await store.reader.nearest(vectors, top, conditions)
    hits = [_hit(neighbour) for neighbour in neighbours]
    return SearchResult(question.strip(), chosen.name, space.model, hits, chosen.notices)


def _hit(neighbour: Neighbour) -> Hit:
    metadata = neighbour.metadata
    page = metadata.get("page")
    return Hit(
        id=neighbour.id,
        score=round(1 - neighbour.distance, 6),
        source=str(metadata.get("source", "")),
        heading=heading_of(metadata),
        page=page if type(page) is int else None,
        text=neighbour.text,
        metadata=metadata,
    )
