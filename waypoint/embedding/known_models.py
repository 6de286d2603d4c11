"""The embedding models we know: limits and prices (Google's documentation, November 2026)."""

from __future__ import annotations

from dataclasses import dataclass

from waypoint.embedding.tokens import most_tokens, token_bound
from waypoint.errors import ConfigurationError

DOCUMENT_TASK = "RETRIEVAL_DOCUMENT"
"""The task type of what is stored."""
QUERY_TASK = "RETRIEVAL_QUERY"
"""The task type of what is asked."""

# gemini-embedding-2 ignores taskType: Google's documentation has the task put into the text, in
# these forms, with "none" for a document without a title.
_TASK_FORMS = {
    DOCUMENT_TASK: "title: {title} | text: {text}",
    QUERY_TASK: "task: search result | query: {text}",
}

MAX_TEXTS_PER_CALL = 100
"""The service refuses more: ``at most 100 requests can be in one batch``."""

MAX_CALL_BYTES = 3_500_000
"""Of text, UTF-8. The service takes bodies of 4 MiB; the rest is for JSON around the texts."""


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What has to be known of a model before it is called."""

    name: str
    max_input_tokens: int
    """Longer texts are cut by the service, silently and with status 200."""
    min_dimensions: int
    max_dimensions: int
    usd_per_million_tokens: float
    task_in_text: bool
    """The model ignores ``taskType``; what the text is for has to be said in the text."""

    def text_to_embed(self, text: str, task_type: str, context: str = "") -> str:
        """The text as it is sent, and paid for: with its task where the model wants it so.

        ``context``, if there is one, says where the text comes from. It stands where the model
        has a place for it, else before the text.
        """
        if self.task_in_text:
            return _TASK_FORMS[task_type].format(title=context or "none", text=text)
        return f"{context}\n\n{text}" if context else text

    def takes(self, sent: str) -> bool:
        """Whether a text, as it is sent, is sure to be within the input limit."""
        limit = self.max_input_tokens
        return token_bound(sent) <= limit or most_tokens(sent) <= limit


KNOWN_MODELS = {
    model.name: model
    for model in (
        EmbeddingModel("gemini-embedding-001", 2048, 128, 3072, 0.15, task_in_text=False),
        EmbeddingModel("gemini-embedding-2", 8192, 128, 3072, 0.20, task_in_text=True),
    )
}


def known_model(name: str) -> EmbeddingModel:
    """The model of that name.

    Raises:
        ConfigurationError: for a model whose limits and price we do not know.
    """
    try:
        return KNOWN_MODELS[name.removeprefix("models/")]
    except KeyError:
        raise ConfigurationError(
            f"EMBEDDING_MODEL: {name!r} is not a model Waypoint knows",
            hint=f"use one of: {', '.join(KNOWN_MODELS)}",
        ) from None
