"""The models the simulator offers, with the limits the service states for them."""

from __future__ import annotations

from dataclasses import dataclass

MIN_DIMENSIONS = 128
MAX_DIMENSIONS = 3072
"""Bounds of ``outputDimensionality``; the upper one is also its default."""

MAX_TEXTS_PER_CALL = 100
MAX_BODY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """An embedding model as the service describes it."""

    name: str
    version: str
    title: str
    input_token_limit: int
    quota_name: str
    """What quota errors call it."""
    reports_usage: bool
    """Whether its answers carry ``usageMetadata``."""
    usd_per_million_tokens: float
    """Of a call; a batch job costs half."""

    def resource(self) -> dict[str, object]:
        """The body of ``GET models/…``; ``displayName`` says that this is the simulator."""
        return {
            "name": f"models/{self.name}",
            "version": self.version,
            "displayName": f"Waypoint simulator ({self.title})",
            "inputTokenLimit": self.input_token_limit,
            "outputTokenLimit": 1,
            "supportedGenerationMethods": [
                "embedContent",
                "batchEmbedContents",
                "asyncBatchEmbedContent",
            ],
        }


KNOWN_MODELS = {
    model.name: model
    for model in (
        SimulatedModel(
            name="gemini-embedding-001",
            version="001",
            title="Gemini Embedding 001",
            input_token_limit=2048,
            quota_name="gemini-embedding-1.0",
            reports_usage=False,
            usd_per_million_tokens=0.15,
        ),
        SimulatedModel(
            name="gemini-embedding-2",
            version="2",
            title="Gemini Embedding 2",
            input_token_limit=8192,
            quota_name="gemini-embedding-2",
            reports_usage=True,
            usd_per_million_tokens=0.20,
        ),
    )
}
