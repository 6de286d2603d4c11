"""A run's own budget: never exceeded, and used to the last text."""

from __future__ import annotations

import anyio
import pytest

from tests.support.retrying_bench import Bench, on_bench, overloaded, too_many
from waypoint.embedding.budget import Budget
from waypoint.embedding.port import BatchTooLargeError, CallRefusedError, TransientCallError
from waypoint.embedding.rate_limit import QuotaLimits
from waypoint.errors import BudgetSpentError, DailyQuotaError, ExitCode


def budget(*, texts: int | None = None, usd: float | None = None) -> Budget:
    """At 0.15 USD a million tokens, as gemini-embedding-001 costs."""
    return Budget(max_texts=texts, max_usd=usd, usd_per_million_tokens=0.15)


def test_texts_are_reserved_before_they_are_sent() -> None:
    """The call that would exceed the budget is refused, and says what is left."""
    ten = budget(texts=10)
    ten.reserve(7, 1)
    with pytest.raises(BudgetSpentError, match="10 texts") as caught:
        ten.reserve(4, 1)
    assert caught.value.texts_left == 3
    assert caught.value.tokens_left is None
    assert "--max-texts" in caught.value.hint
    assert caught.value.exit_code == ExitCode.STOPPED_EARLY
    ten.reserve(3, 1)


def test_money_is_reserved_by_tokens() -> None:
    """As estimated; what the service counted is settled afterwards."""
    million = budget(usd=0.15)
    million.reserve(1, 900_000)
    with pytest.raises(BudgetSpentError, match=r"\$0.15") as caught:
        million.reserve(1, 100_001)
    assert caught.value.tokens_left == pytest.approx(100_000, abs=1)
    million.settle(900_000, counted=500_000)
    million.reserve(1, 490_000)


def test_what_was_not_billed_is_given_back() -> None:
    """A call that failed at the service, or was refused by it, costs nothing."""

    async def run(bench: Bench) -> int:
        await bench.embedder.embed(["a"] * 5, 5)
        with pytest.raises(CallRefusedError):
            await bench.embedder.embed(["b"] * 5, 5)
        await bench.embedder.embed(["c"] * 5, 5)
        with pytest.raises(BudgetSpentError):
            await bench.embedder.embed(["d"], 1)
        return len(bench.scripted.calls)

    outcomes = [overloaded(), overloaded(), None, CallRefusedError("400", 400), None]
    assert on_bench(run, outcomes, budget=budget(texts=10)) == 5


def test_what_a_quota_refused_is_given_back() -> None:
    """The day's, or a minute's that turns out to be smaller than the batch."""

    async def run(bench: Bench) -> int:
        with pytest.raises(DailyQuotaError):
            await bench.embedder.embed(["a"] * 10, 10)
        with pytest.raises(BatchTooLargeError):
            await bench.embedder.embed(["a"] * 10, 10)
        await bench.embedder.embed(["a"] * 5, 5)
        await bench.embedder.embed(["b"] * 5, 5)
        return len(bench.scripted.calls)

    outcomes = [DailyQuotaError("the day's quota is used up"), too_many(1.0, rpm=5), None, None]
    assert on_bench(run, outcomes, budget=budget(texts=10)) == 4


def test_a_call_that_the_budget_forbids_takes_no_quota() -> None:
    """Neither of the minute nor of the day; who cuts the batch is told what is left."""

    async def run(bench: Bench) -> tuple[int, int]:
        for _ in range(20):
            with pytest.raises(BudgetSpentError) as caught:
                await bench.embedder.embed(["a"] * 5, 500)
            assert caught.value.texts_left == 3
        state = bench.quota.state()
        return state.texts_in_minute, state.texts_today

    spent = on_bench(run, limits=QuotaLimits(10, 5_000, 20), budget=budget(texts=3))
    assert spent == (0, 0)


def test_a_budget_is_not_spent_while_a_call_may_give_its_share_back() -> None:
    """A call that is refused for good returns its share, and one that waited for it uses it."""

    async def run(bench: Bench) -> list[str]:
        outcomes: list[str] = []

        async def embed(text: str, count: int) -> None:
            try:
                await bench.embedder.embed([text] * count, count)
            except (CallRefusedError, BudgetSpentError) as error:
                outcomes.append(f"{text}: {type(error).__name__}")
            else:
                outcomes.append(f"{text}: answered")

        async with anyio.create_task_group() as group:
            group.start_soon(embed, "a", 8)
            await anyio.sleep(0.1)
            group.start_soon(embed, "b", 10)
        await embed("c", 1)
        return outcomes

    outcomes = [CallRefusedError("400", 400), None]
    told = on_bench(run, outcomes, latency=1.0, budget=budget(texts=10))
    assert told == ["a: CallRefusedError", "b: answered", "c: BudgetSpentError"]


@pytest.mark.parametrize("status", [None, 200], ids=["no answer", "an answer of no use"])
def test_what_may_have_been_billed_is_not_given_back(status: int | None) -> None:
    """The service may have answered, and nobody can tell."""

    async def run(bench: Bench) -> None:
        with pytest.raises(BudgetSpentError):
            await bench.embedder.embed(["a"] * 5, 5)
        assert len(bench.scripted.calls) == 2

    lost = TransientCallError("lost", status)
    on_bench(run, [lost] * 9, budget=budget(texts=10))
