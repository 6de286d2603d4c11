"""The embedding function that is persisted with a Gemini collection, for other clients.

Chroma stores a function's name and configuration, and a client builds it when it is asked in
words. Chroma's own class wants the key already when it is only to be written down; this
one writes down the same without. The task is RETRIEVAL_QUERY: since we bring the vectors,
questions are all that it will ever embed.
"""

from __future__ import annotations

from typing import Any

from chromadb.api.types import Documents, EmbeddingFunction, Embeddings, Space

from waypoint.models import EmbeddingSpace


class PersistedGeminiFunction(EmbeddingFunction[Documents]):
    """Writes down Chroma's ``google_gemini`` function; embeds nothing itself."""

    def __init__(self, space: EmbeddingSpace) -> None:
        self._space = space

    def __call__(self, input: Documents) -> Embeddings:  # noqa: ARG002
        raise TypeError("Waypoint brings its own vectors: this function is only written down")

    @staticmethod
    def name() -> str:
        return "google_gemini"

    def default_space(self) -> Space:
        return "cosine"

    def supported_spaces(self) -> list[Space]:
        return ["cosine"]

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> EmbeddingFunction[Documents]:
        # Chroma builds one to see whether it can; if not, it writes down nothing at all.
        space = EmbeddingSpace("gemini", config["model_name"], config["dimension"], "")
        return PersistedGeminiFunction(space)

    def get_config(self) -> dict[str, Any]:
        return {
            "model_name": self._space.model,
            "task_type": "RETRIEVAL_QUERY",
            "dimension": self._space.dimensions,
            "api_key_env_var": "GOOGLE_API_KEY",
            "vertexai": None,
            "project": None,
            "location": None,
        }
