"""The chunker of a run, or of a plan: one for both, so that what is planned is what is done."""

from __future__ import annotations

from functools import partial

from waypoint.chunking import CHARACTERS, Chunker, ChunkingSettings, InputLimit, SizeUnit
from waypoint.embedding.known_models import DOCUMENT_TASK, EmbeddingModel
from waypoint.embedding.tokens import (
    ESTIMATOR,
    MOST_CHARACTERS_PER_TOKEN,
    estimate_tokens,
    most_tokens,
)
from waypoint.settings import ChunkUnit, Settings

_TOKENS = SizeUnit(f"tokens-{ESTIMATOR}", estimate_tokens, MOST_CHARACTERS_PER_TOKEN)
_CAUTIOUS_TOKENS = SizeUnit(f"most-{ESTIMATOR}", most_tokens, MOST_CHARACTERS_PER_TOKEN)


def build_chunker(settings: Settings, model: EmbeddingModel) -> Chunker:
    """A chunker as the settings say, none of whose chunks the model would cut."""
    unit = _TOKENS if settings.chunk_unit is ChunkUnit.TOKENS else CHARACTERS
    limit = InputLimit(
        model.max_input_tokens,
        _CAUTIOUS_TOKENS,
        embedded=partial(model.text_to_embed, task_type=DOCUMENT_TASK),
        takes=model.takes,
    )
    chunking = ChunkingSettings(
        settings.chunk_size, settings.chunk_overlap, unit, settings.context_headers
    )
    return Chunker(chunking, limit)


def split_notice(pieces: int, model: EmbeddingModel) -> str:
    """What the user is told of chunks that came of texts too long for the model."""
    return (
        f"{pieces:,} chunks are parts of texts that might have exceeded the "
        f"{model.max_input_tokens:,} tokens {model.name} takes, beyond which it cuts without a "
        "word: they were split; a smaller --chunk-size avoids that"
    )
