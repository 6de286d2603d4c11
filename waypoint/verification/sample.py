"""Vectors: a few embedded anew, and the index held against exact neighbours."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from waypoint.chunking import context_header
from waypoint.embedding.tokens import estimate_tokens
from waypoint.models import Vectors
from waypoint.storage.port import VectorStore
from waypoint.verification.checks import CheckResult, failed, judged, passed, skipped
from waypoint.verification.inventory import PAGE, Inventory
from waypoint.verification.ports import TextEmbedder

SAME_TEXT = 0.999
"""Cosine above which two vectors are of the same text: the service's own vary by less."""

NEIGHBOURS = 10
PASS_RECALL = 0.95
"""This index was measured to reach 0.99 at 100,000 records (docs/architecture.md)."""

TIE = 1e-6
"""Cosines that lie closer than this are equal: float32 rounds at about 1e-7."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Chunks that were drawn, with what is stored of them. ``vectors``: shape (ids, dimensions)."""

    ids: Sequence[str]
    texts: Sequence[str]
    vectors: Vectors
    contexts: Sequence[str]
    """What was embedded before each text; empty strings where nothing was."""

    @property
    def tokens(self) -> int:
        """Of all the texts with their contexts, estimated."""
        return sum(map(estimate_tokens, (*self.texts, *self.contexts)))


def draw_ids(inventory: Inventory, count: int, seed: int) -> list[str]:
    """``count`` different ids, or all there are, the same for the same seed and collection."""
    total = inventory.value("SELECT coalesce(max(position), 0) FROM stored")
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    positions = draw.sample(range(1, total + 1), min(count, total))
    return [str(chunk_id) for chunk_id in _ids_at(inventory, positions)]


def _ids_at(inventory: Inventory, positions: Sequence[int]) -> Iterator[str]:
    for position in positions:
        yield from (
            row[0] for row in inventory.rows("SELECT id FROM stored WHERE position = ?", position)
        )


async def draw(
    inventory: Inventory,
    collection: VectorStore,
    count: int,
    seed: int,
    *,
    context_headers: bool = False,
) -> Sample:
    """Chunks drawn at random, as they are stored; those without a text are left out.

    ``context_headers``: whether the collection's texts were embedded with theirs.
    """
    ids = await to_thread.run_sync(draw_ids, inventory, count, seed)
    found_ids: list[str] = []
    texts: list[str] = []
    rows: list[Vectors] = []
    contexts: list[str] = []
    for start in range(0, len(ids), PAGE):
        page = await collection.records(ids[start : start + PAGE], vectors=True)
        assert page.vectors is not None, "they were asked for"
        keep = [row for row, text in enumerate(page.texts) if text and text.strip()]
        found_ids += [page.ids[row] for row in keep]
        texts += [page.texts[row] or "" for row in keep]
        rows.append(page.vectors[keep])
        contexts += [_context(page.metadatas[row]) if context_headers else "" for row in keep]
    vectors = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
    return Sample(found_ids, texts, vectors, contexts)


def _context(metadata: Mapping[str, object]) -> str:
    title, path = (str(metadata.get(name, "")) for name in ("title", "heading_path"))
    return context_header(title, path)


async def check_sample(sample: Sample, embedder: TextEmbedder) -> CheckResult:
    """Each drawn text, embedded anew, gives the vector that is stored with it."""
    if not sample.ids:
        return skipped("sample", "there are no chunks")
    fresh = await embedder.embed(sample.texts, sample.contexts)
    if fresh.shape != sample.vectors.shape:
        wrong = f"{sample.vectors.shape[1]:,} dimensions stored, {fresh.shape[1]:,} embedded anew"
        return failed("sample", wrong, found=len(sample.ids))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        stored = sample.vectors.astype(np.float64)
        stored /= np.linalg.norm(stored, axis=1, keepdims=True)
        cosines = np.einsum("ij,ij->i", stored, fresh.astype(np.float64))
    cosines = np.where(np.isfinite(cosines), cosines, -1.0)
    examples = [
        f"{chunk_id}: cosine {cosine:.4f}"
        for chunk_id, cosine in zip(sample.ids, cosines.tolist(), strict=True)
        if not cosine > SAME_TEXT
    ]
    figure = f"{len(sample.ids):,} embedded anew, least cosine {cosines.min():.6f}"
    return judged(
        "sample",
        figure,
        found=len(examples),
        wrong=f"{len(examples):,} not above {SAME_TEXT}",
        examples=examples,
    )


class ExactNeighbours:
    """The nearest neighbours of some vectors, found by looking at every vector there is.

    Blocks of vectors go by once; what is kept is a few best cosines a question.

    Args:
        questions: shape (n, dimensions), of unit length.
        own: the questions' own ids, which are no neighbours of theirs.
    """

    def __init__(self, questions: Vectors, own: Sequence[str], top: int) -> None:
        self._questions = questions
        self._own = {chunk_id: row for row, chunk_id in enumerate(own)}
        self._best: NDArray[np.float32] = np.full((len(questions), top), -2.0, np.float32)

    def add(self, ids: Sequence[str], vectors: Vectors) -> None:
        """A block; ``vectors``: shape (len(ids), dimensions). What isn't finite is left out."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            cosines = (vectors / lengths) @ self._questions.T
        cosines = np.where(np.isfinite(cosines), cosines, np.float32(-2.0))
        for row, chunk_id in enumerate(ids):
            if chunk_id in self._own:
                cosines[row, self._own[chunk_id]] = -2.0
        top = self._best.shape[1]
        both = np.concatenate([self._best, cosines.T.astype(np.float32)], axis=1)
        self._best = -np.partition(-both, top - 1, axis=1)[:, :top]

    def worst(self) -> NDArray[np.float32]:
        """For each question the cosine of the last of its exact neighbours: shape (n,)."""
        least: NDArray[np.float32] = self._best.min(axis=1)
        return least


async def check_recall(
    inventory: Inventory, collection: VectorStore, sample: Sample
) -> CheckResult:
    """The share of exact neighbours that Chroma finds, on average over the drawn chunks.

    A neighbour that Chroma names counts if it is no farther than the last exact one: of
    several chunks with the same text, any may be named.
    """
    total = inventory.value("SELECT count(*) FROM stored")
    top = min(NEIGHBOURS, total - 1)
    lengths = np.linalg.norm(sample.vectors, axis=1, keepdims=True) if sample.ids else np.empty(0)
    if top < 1 or not sample.ids:
        return skipped("recall", f"{total:,} chunks: there are no neighbours")
    whole = [row for row, length in enumerate(lengths[:, 0]) if np.isfinite(length) and length > 0]
    if not whole:
        return skipped("recall", "no vector that was drawn is whole: see the check of the vectors")
    questions = (sample.vectors[whole] / lengths[whole]).astype(np.float32)
    own = [sample.ids[row] for row in whole]
    exact = ExactNeighbours(questions, own, top)
    position = 0
    while True:
        ids, position = await to_thread.run_sync(inventory.ids_page, position)
        if not ids:
            break
        found_ids, vectors = await collection.vectors(ids)
        if vectors.shape[1:] == questions.shape[1:]:
            await to_thread.run_sync(exact.add, found_ids, vectors)
    worst = exact.worst()
    hits = 0
    for start in range(0, len(own), _QUESTIONS_A_CALL):
        some = slice(start, start + _QUESTIONS_A_CALL)
        answers = await collection.nearest(questions[some], top + 1)
        for name, answer, least in zip(own[some], answers, worst[some].tolist(), strict=True):
            others = [neighbour for neighbour in answer if neighbour.id != name][:top]
            hits += sum(1 - neighbour.distance >= least - TIE for neighbour in others)
    recall = hits / (top * len(own))
    figure = f"recall@{top} {recall:.3f} over {len(own):,} chunks; pass mark {PASS_RECALL}"
    if recall < PASS_RECALL:
        return failed("recall", figure, found=top * len(own) - hits)
    return passed("recall", figure)


_QUESTIONS_A_CALL = 100
