"""A good answer, from its packed JSON to checked vectors; made to run in a thread.

An answer to 100 texts is 1.6 MB of JSON, gzipped to a quarter. ISA-L unpacks it in 2 ms instead
of zlib's 5, and simdjson hands over each vector's numbers as one block: 2 ms instead of the 8
that orjson and numpy take, most of that for 76,800 Python numbers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from waypoint.bounded_http import AnswerBody, UnusableAnswerError
from waypoint.embedding.port import Answer, TransientCallError
from waypoint.embedding.providers.checks import credible_tokens, normalised
from waypoint.embedding.providers.error_answer import described_page, quotable

VALUE_BYTES = 64
"""Most bytes that a value of a vector takes, with the line end and blanks the service adds: 30."""
FRAME_BYTES = 64 * 1024
"""Most bytes of an answer beside its values."""
HAS_SIMDJSON = importlib.util.find_spec("simdjson") is not None
"""It has no wheels for Python 3.14 and later: there, orjson parses."""


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer says, not yet checked: any number of vectors of any length."""

    vectors: list[Any]
    """For each text, its values: an array or a list, of whatever the JSON held."""
    tokens: object
    """The count beside them, if there is one."""


def most_bytes(texts: int, dimensions: int) -> int:
    """Of the answer to so many texts."""
    return texts * dimensions * VALUE_BYTES + FRAME_BYTES


def read_answer(
    body: AnswerBody,
    texts: Sequence[str],
    *,
    dimensions: int,
    form: str = "embeddings",
    simdjson: bool = HAS_SIMDJSON,
) -> Answer:
    """Unpack, parse and check the answer to a call.

    ``form``: what its vectors stand in: ``embeddings`` of the Gemini API; of Vertex AI
    ``predictions``, or one ``embedding``.

    Raises:
        TransientCallError: it is not what an answer is like, or has not one good vector of
            ``dimensions`` values for each of ``texts``.
    """
    parse = _parse_by_simdjson if simdjson else _parse_by_orjson
    try:
        # NaN and infinity are not JSON, to either of them.
        json = body.unpacked(most_bytes(len(texts), dimensions))
        parsed = parse(json, form)
    except UnusableAnswerError as error:
        raise TransientCallError(str(error), 200) from None
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        # A gateway's login page comes with status 200. What begins as an answer is cut short.
        said = "" if f'"{form}"'.encode() in json[:FRAME_BYTES] else described_page(json)
        raise TransientCallError(
            f"malformed answer ({_kind(error)})", 200, said=quotable(said, texts)
        ) from None
    vectors = normalised(parsed.vectors, texts=len(texts), dimensions=dimensions)
    return Answer(vectors, credible_tokens(parsed.tokens, texts))


def _parse_by_simdjson(json: bytes, form: str) -> ParsedAnswer:
    from simdjson import Parser

    # A parser of its own: one that is kept refuses work while anything of its last answer lives.
    answer: Any = Parser().parse(json)
    arrays = [embedding["values"] for embedding in _embeddings(answer, form)]
    try:
        blocks = [array.as_buffer(of_type="d") for array in arrays]
    except TypeError:
        raise TransientCallError("vectors with values that are not numbers", 200) from None
    return ParsedAnswer([np.frombuffer(block) for block in blocks], _tokens(answer, form))


def _parse_by_orjson(json: bytes, form: str) -> ParsedAnswer:
    answer = orjson.loads(json)
    return ParsedAnswer(
        [each["values"] for each in _embeddings(answer, form)], _tokens(answer, form)
    )


def _embeddings(answer: Any, form: str) -> list[Any]:
    if form == "predictions":
        return [prediction["embeddings"] for prediction in answer[form]]
    return [answer[form]] if form == "embedding" else list(answer[form])


def _tokens(answer: Any, form: str) -> object:
    try:
        if form == "predictions":
            return sum(each["statistics"]["token_count"] for each in _embeddings(answer, form))
        return answer["usageMetadata"]["promptTokenCount"]
    except (LookupError, TypeError, ValueError):
        # The vectors are billed, whatever is beside them.
        return None


def _kind(error: Exception) -> str:
    """Whatever of these errors is a parser's own, it means that the answer is not JSON."""
    return "not JSON" if isinstance(error, (ValueError, RuntimeError)) else "not an answer's form"
