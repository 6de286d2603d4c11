"""The service as Vertex AI offers it: its calls, its answers, and its tokens.

The forms are those that the google-genai SDK sends and reads with ``vertexai=True``, and those of
Google's documentation for ``:predict`` (docs.cloud.google.com, text embeddings, November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
from isal import isal_zlib
from numpy.typing import NDArray

from waypoint.simulator.calls import TASK_TYPES, EmbedCall, estimate_tokens
from waypoint.simulator.errors import Refusal, invalid_argument
from waypoint.simulator.models import MAX_DIMENSIONS, MIN_DIMENSIONS, SimulatedModel
from waypoint.simulator.quota import SECOND_NS

MAX_TEXTS = 250
MAX_TOKENS = 20_000
"""Of one ``:predict``."""

_GZIP_WBITS = 31
_FIRST_VALUE = re.compile(rb'(?<="values":\[)[^,\]]+')


class Tokens:
    """Access tokens, each good for a time.

    Args:
        clock: nanoseconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._good_until: dict[str, int] = {}
        self.issued = 0

    def issue(self, seconds: float) -> str:
        """A new one."""
        self.issued += 1
        token = f"ya29.simulated-{self.issued:06d}"
        self._good_until[token] = self._clock() + round(seconds * SECOND_NS)
        return token

    def revoke(self) -> None:
        """All that were issued."""
        self._good_until.clear()

    def check(self, authorization: str) -> None:
        """Raise the Refusal that the header deserves, if any."""
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or self._good_until.get(token, 0) <= self._clock():
            raise Refusal(
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential. See "
                "https://developers.google.com/identity/sign-in/web/devconsole-project.",
                [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "ACCESS_TOKEN_EXPIRED",
                        "domain": "googleapis.com",
                    }
                ],
            )


def parse_vertex_call(body: bytes, model: SimulatedModel, method: str) -> EmbedCall:
    """The call in a body of ``predict`` or ``embedContent``.

    Raises:
        Refusal: 400, as the service refuses what is not in order.
    """
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(message, dict):
        raise invalid_argument("Invalid JSON payload received.")
    if method == "predict":
        texts, tasks, options = _instances(message, model)
    else:
        texts, tasks, options = _content(message)
    for task in tasks:
        if task is not None and task not in TASK_TYPES:
            raise invalid_argument(f"Invalid value at 'task_type' (TaskType), {task!r}")
    tokens = tuple(estimate_tokens(text) for text in texts)
    _check_tokens(tokens, model, method, truncates=options.get("autoTruncate", True))
    return EmbedCall(model, tuple(texts), tokens, _dimensions(options), method != "predict", method)


def predict_answer(
    vectors: Sequence[NDArray[np.int32]], tokens: Sequence[int], *, first_value: bytes, gzip: bool
) -> bytes:
    """The body of a 200: vectors in units of 1e-8, with the tokens of each text.

    ``first_value``: takes the place of the very first value, for answers meant to be wrong.
    """
    predictions = [
        {
            "embeddings": {
                "values": vector / 1e8,
                "statistics": {"truncated": False, "token_count": count},
            }
        }
        for vector, count in zip(vectors, tokens, strict=False)
    ]
    message = {"predictions": predictions, "metadata": {"billableCharacterCount": 0}}
    body = orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)
    if first_value:
        body = _FIRST_VALUE.sub(first_value, body, count=1)
    return isal_zlib.compress(body, 1, _GZIP_WBITS) if gzip else body


def _instances(
    message: dict[str, Any], model: SimulatedModel
) -> tuple[list[str], list[Any], dict[str, Any]]:
    if unknown := message.keys() - {"instances", "parameters"}:
        raise _unknown_name(unknown)
    if model.reports_usage:
        raise Refusal(
            400, "FAILED_PRECONDITION", f"The model {model.name} does not support :predict."
        )
    instances, options = message.get("instances"), message.get("parameters") or {}
    if not isinstance(instances, list) or not 0 < len(instances) <= MAX_TEXTS:
        raise invalid_argument(f"{MAX_TEXTS} instances are allowed per prediction.")
    for instance in instances:
        if not isinstance(instance, dict) or not isinstance(instance.get("content"), str):
            raise invalid_argument("An instance needs a content.")
        if not instance["content"]:
            raise invalid_argument("The text content is empty.")
    contents = [str(instance["content"]) for instance in instances]
    return contents, [instance.get("task_type") for instance in instances], options


def _content(message: dict[str, Any]) -> tuple[list[str], list[Any], dict[str, Any]]:
    if unknown := message.keys() - {"content", "embedContentConfig"}:
        raise _unknown_name(unknown)
    content, options = message.get("content"), message.get("embedContentConfig") or {}
    parts = content.get("parts") if isinstance(content, dict) else None
    texts = [part.get("text") for part in parts] if isinstance(parts, list) else []
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise invalid_argument("EmbedContentRequest.content contains an empty Part.")
    return ["\n".join(texts)], [options.get("taskType")], options


def _unknown_name(names: set[str]) -> Refusal:
    return invalid_argument(
        f'Invalid JSON payload received. Unknown name "{min(names)}": Cannot find field.'
    )


def _dimensions(options: dict[str, Any]) -> int:
    value = options.get("outputDimensionality", MAX_DIMENSIONS)
    if not isinstance(value, int) or not MIN_DIMENSIONS <= value <= MAX_DIMENSIONS:
        raise invalid_argument(f"outputDimensionality must be at most {MAX_DIMENSIONS}.")
    return value


def _check_tokens(
    tokens: Sequence[int], model: SimulatedModel, method: str, *, truncates: object
) -> None:
    if not truncates and max(tokens) > model.input_token_limit:
        raise invalid_argument(
            f"The input token count is {max(tokens)} but the model supports up to "
            f"{model.input_token_limit}."
        )
    if method == "predict" and sum(tokens) > MAX_TOKENS:
        raise invalid_argument(
            f"The input token count is {sum(tokens)} but the model supports up to {MAX_TOKENS}."
        )
