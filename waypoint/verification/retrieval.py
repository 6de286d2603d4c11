"""Retrieval: whether questions find what they should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.errors import UsageError
from waypoint.models import Vectors
from waypoint.storage.port import Neighbour, VectorStore
from waypoint.verification.checks import CheckResult, Status, failed, passed
from waypoint.verification.questions import Question, Tier

_QUESTIONS_A_CALL = 100


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk that came for a question; never its text."""

    id: str
    source: str
    score: float
    """Cosine similarity."""


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """What came for one question."""

    text: str
    expected: str
    rank: int
    """Of the first chunk that is what was expected, from 1; 0 if there is none among them."""
    found: Sequence[FoundChunk]


@dataclass(frozen=True, slots=True)
class TierResult:
    """How a tier came out."""

    name: str
    top_k: int
    pass_mark: int
    status: Status
    hits: int
    hit_rate: float
    """hit@k: the share of questions that found what they should among the first ``top_k``."""
    mrr: float
    """Mean reciprocal rank: 1 if all of them found it first, 0 if none found it at all."""
    questions: Sequence[QuestionResult]


async def ask_tier(tier: Tier, vectors: Vectors, collection: VectorStore) -> TierResult:
    """Ask a tier's questions; ``vectors``: theirs, shape (questions, dimensions)."""
    results: list[QuestionResult] = []
    for start in range(0, len(tier.questions), _QUESTIONS_A_CALL):
        some = slice(start, start + _QUESTIONS_A_CALL)
        answers = await collection.nearest(vectors[some], tier.top_k)
        for question, neighbours in zip(tier.questions[some], answers, strict=True):
            results.append(_judge(question, neighbours))
    hits = sum(result.rank > 0 for result in results)
    return TierResult(
        name=tier.name,
        top_k=tier.top_k,
        pass_mark=tier.pass_mark,
        status=Status.PASS if hits >= tier.pass_mark else Status.FAIL,
        hits=hits,
        hit_rate=hits / len(results),
        mrr=sum(1 / result.rank for result in results if result.rank) / len(results),
        questions=results,
    )


def _judge(question: Question, neighbours: Sequence[Neighbour]) -> QuestionResult:
    ranks = (
        rank
        for rank, neighbour in enumerate(neighbours, start=1)
        if question.expected.matches(neighbour.text, neighbour.metadata)
    )
    found = [
        FoundChunk(
            neighbour.id,
            str(neighbour.metadata.get("source", "")),
            round(1 - neighbour.distance, 4),
        )
        for neighbour in neighbours
    ]
    return QuestionResult(question.text, str(question.expected), next(ranks, 0), found)


def choose_tiers(tiers: Sequence[Tier], names: Sequence[str], path: Path) -> list[Tier]:
    """Those tiers, or all of them if none is named.

    Raises:
        UsageError: there is no such tier.
    """
    known = {tier.name: tier for tier in tiers}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"{path} has no tier {', '.join(map(repr, unknown))}",
            hint=f"its tiers are: {', '.join(known)}",
        )
    return [known[name] for name in names] if names else list(tiers)


def judge_tiers(tiers: Sequence[TierResult]) -> CheckResult:
    """All tiers together."""
    asked = sum(len(tier.questions) for tier in tiers)
    hits = sum(tier.hits for tier in tiers)
    failing = [tier for tier in tiers if tier.status is Status.FAIL]
    figure = f"{hits:,} of {asked:,} questions in {len(tiers):,} tiers"
    if not failing:
        return passed("retrieval", figure)
    names = ", ".join(tier.name for tier in failing)
    return failed("retrieval", f"below the pass mark: {names}; {figure}", found=len(failing))
