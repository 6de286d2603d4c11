"""What a client asks for: request bodies, read and checked as the service checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from waypoint.simulator.errors import (
    Refusal,
    invalid_argument,
    model_not_found,
    too_many_texts,
)
from waypoint.simulator.models import (
    KNOWN_MODELS,
    MAX_DIMENSIONS,
    MAX_TEXTS_PER_CALL,
    MIN_DIMENSIONS,
    SimulatedModel,
)

TASK_TYPES = frozenset(
    {
        "TASK_TYPE_UNSPECIFIED",
        "RETRIEVAL_QUERY",
        "RETRIEVAL_DOCUMENT",
        "SEMANTIC_SIMILARITY",
        "CLASSIFICATION",
        "CLUSTERING",
        "QUESTION_ANSWERING",
        "FACT_VERIFICATION",
        "CODE_RETRIEVAL_QUERY",
    }
)

_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class EmbedCall:
    """A call in order: each text is to get one vector."""

    model: SimulatedModel
    texts: tuple[str, ...]
    tokens: tuple[int, ...]
    """Of each text."""
    dimensions: int
    single: bool
    """Whether it came as ``embedContent``, whose answer has another shape."""
    vertex: str = ""
    """The method, of a call as Vertex AI takes it; empty for one of the Gemini API."""


def estimate_tokens(text: str) -> int:
    """The simulator's own count: a token for four characters, or for one of CJK; at least 1."""
    ideographs = 0 if text.isascii() else len(_IDEOGRAPH.findall(text))
    return max(1, ideographs + (len(text) - ideographs + 3) // 4)


def find_model(name: str, version: str, method: str) -> SimulatedModel:
    """The model of that name.

    Raises:
        Refusal: 404.
    """
    model = KNOWN_MODELS.get(name)
    if model is None:
        raise model_not_found(name, version, method)
    return model


def parse_call(body: bytes, model: SimulatedModel, *, single: bool) -> EmbedCall:
    """The call in a body of ``batchEmbedContents``, or of ``embedContent`` if ``single``.

    Raises:
        Refusal: 400, as the service refuses what is not in order.
    """
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error
    requests = [message] if single else _requests_of(message)
    if len(requests) > MAX_TEXTS_PER_CALL:
        raise too_many_texts()
    texts = []
    dimensions = set()
    for index, request in enumerate(requests):
        place = "" if single else f"requests[{index}]"
        texts.append(_text_of(request, place))
        dimensions.add(_dimensions_of(request, place))
        _check_model(request, model, place, required=not single)
        _check_task_type(request, place)
    if len(dimensions) > 1:
        raise invalid_argument(
            "* BatchEmbedContentsRequest.requests: the simulator wants one output_dimensionality "
            "for all requests of a batch\n"
        )
    return EmbedCall(
        model=model,
        texts=tuple(texts),
        tokens=tuple(estimate_tokens(text) for text in texts),
        dimensions=dimensions.pop(),
        single=single,
    )


def _requests_of(message: Any) -> list[Any]:
    requests = message.get("requests") if isinstance(message, dict) else None
    if not isinstance(requests, list) or not requests:
        raise invalid_argument("* BatchEmbedContentsRequest.requests: at least one is required\n")
    return requests


def _text_of(request: Any, place: str) -> str:
    """The text of a request; several parts make one text, and so one vector."""
    content = request.get("content") if isinstance(request, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not parts:
        raise _empty_part()
    texts: list[Any] = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(texts):
        raise _empty_part()
    if not all(isinstance(text, str) for text in texts):
        raise invalid_argument(f"Invalid value at '{place}.content.parts' (text)")
    return "\n".join(texts)


def _empty_part() -> Refusal:
    return invalid_argument("EmbedContentRequest.content contains an empty Part.")


def _dimensions_of(request: dict[str, Any], place: str) -> int:
    value = request.get("outputDimensionality", request.get("output_dimensionality"))
    if value is None:
        return MAX_DIMENSIONS
    if not isinstance(value, int) or not MIN_DIMENSIONS <= value <= MAX_DIMENSIONS:
        raise invalid_argument(
            f"* {place}.output_dimensionality: must be between {MIN_DIMENSIONS} and "
            f"{MAX_DIMENSIONS}, got {value}\n"
        )
    return value


def _check_model(
    request: dict[str, Any], model: SimulatedModel, place: str, *, required: bool
) -> None:
    name = request.get("model")
    if name is None and not required:
        return
    if name != f"models/{model.name}":
        raise invalid_argument(
            f"* BatchEmbedContentsRequest.{place}.model: must be models/{model.name}\n"
        )


def _check_task_type(request: dict[str, Any], place: str) -> None:
    task_type = request.get("taskType", request.get("task_type"))
    if task_type is not None and task_type not in TASK_TYPES:
        raise invalid_argument(f"Invalid value at '{place}.task_type' (TaskType), {task_type!r}")
