"""The models of the Gemini API: their limits and prices (Google's documentation, November 2026)."""

from __future__ import annotations

from waypoint.embedding.known_models import DOCUMENT_TASK, QUERY_TASK, EmbeddingModel

_MAX_TEXTS = 100
"""The service refuses more: ``at most 100 requests can be in one batch``."""
_MAX_BYTES = 3_500_000
"""Of text. The service takes bodies of 4 MiB; the rest is for JSON around the texts."""

# gemini-embedding-2 ignores taskType: Google's documentation has the task put into the text, in
# these forms, with "none" for a document without a title.
_TASK_FORMS = {
    DOCUMENT_TASK: "title: {title} | text: {text}",
    QUERY_TASK: "task: search result | query: {text}",
}

GEMINI_MODELS = {
    model.name: model
    for model in (
        EmbeddingModel("gemini-embedding-001", 2048, 128, 3072, 0.15, _MAX_TEXTS, _MAX_BYTES),
        EmbeddingModel(
            "gemini-embedding-2", 8192, 128, 3072, 0.20, _MAX_TEXTS, _MAX_BYTES, _TASK_FORMS
        ),
    )
}
