"""What is known of an embedding model before it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waypoint.embedding.tokens import most_tokens, token_bound

DOCUMENT_TASK = "RETRIEVAL_DOCUMENT"
"""The task type of what is stored."""
QUERY_TASK = "RETRIEVAL_QUERY"
"""The task type of what is asked."""


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What has to be known of a model before it is called: its limits and its price."""

    name: str
    max_input_tokens: int
    """Longer texts are cut by the service, silently and with status 200."""
    min_dimensions: int
    max_dimensions: int
    usd_per_million_tokens: float
    max_texts: int
    """Of one call."""
    max_bytes: int
    """Of one call's texts, in UTF-8."""
    task_forms: Mapping[str, str] | None = None
    """By task: what a text is sent as, where what it is for has to be said in the text."""
    max_tokens: int = 0
    """Of one call's texts, as the service counts them; 0 for no limit of its own."""

    @property
    def job_usd_per_million_tokens(self) -> float:
        """What a batch job costs: half of a call (Google's price list, November 2026)."""
        return self.usd_per_million_tokens / 2

    def text_to_embed(self, text: str, task_type: str, context: str = "") -> str:
        """The text as it is sent, and committed: with its task where the model wants it so.

        ``context``, if there is one, says where the text comes from. It stands where the model
        has a place for it, else before the text.
        """
        if self.task_forms is not None:
            return self.task_forms[task_type].format(title=context or "none", text=text)
        return f"{context}\n\n{text}" if context else text

    def takes(self, sent: str) -> bool:
        """Whether a text, as it is sent, is sure to be within the input limit."""
        limit = self.max_input_tokens
        return token_bound(sent) <= limit or most_tokens(sent) <= limit
