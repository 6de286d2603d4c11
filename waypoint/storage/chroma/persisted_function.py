"""The embedding function that is written down with a Gemini collection, for other clients.

Chroma stores a function's name and configuration, and a client builds it when it is asked in
words; the form is that of chromadb 1.5.9's ``google_gemini``. The task is RETRIEVAL_QUERY:
since we bring the vectors, questions are all that it will ever embed.
"""

from __future__ import annotations

from waypoint.models import EmbeddingSpace

_FUNCTIONS = {"gemini": "google_gemini"}
"""By provider; another client knows none of the others."""


def persisted_function(space: EmbeddingSpace) -> dict[str, object]:
    """What the collection's configuration is to hold."""
    name = _FUNCTIONS.get(space.provider)
    if name is None:
        # What Chroma's client writes for a collection without a function.
        return {"type": "legacy"}
    return {
        "type": "known",
        "name": name,
        "config": {
            "model_name": space.model,
            "task_type": "RETRIEVAL_QUERY",
            "dimension": space.dimensions,
            "api_key_env_var": "GOOGLE_API_KEY",
            "vertexai": None,
            "project": None,
            "location": None,
        },
    }
