"""The stage that embeds: each text once, the last of a budget used, and a bad text found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from tests.support.embed_bench import KEYS, candidate, embed
from tests.support.retrying_bench import too_many
from tests.support.scripted_embedder import Outcome
from tests.support.virtual_time import run_virtual
from waypoint.embedding.batching import Batch, BatchBuilder
from waypoint.embedding.budget import Budget
from waypoint.embedding.port import CallRefusedError, TransientCallError
from waypoint.embedding.rate_limit import QuotaLimits
from waypoint.embedding.retrying import POISON_AFTER
from waypoint.errors import BudgetSpentError, DailyQuotaError, RequestRefusedError
from waypoint.ingestion.canary import CANARY_TEXT
from waypoint.ingestion.embed import (
    IDLE,
    POISON_CANARIES,
    POISON_PAUSE,
    POISON_ROUNDS,
    fill_batches,
)
from waypoint.ingestion.messages import Candidate
from waypoint.observe.events import TextRejected, TextsEmbedded

PRICE = 0.15 / 1_000_000
"""USD a token of the bench's model."""


def test_each_chunk_gets_its_vector_and_the_ledger_has_it(tmp_path: Path) -> None:
    """Those that wait for the same text as well; what is settled may be claimed anew."""
    a, b, c = (candidate(name) for name in "abc")
    again = candidate("a", chunk="again")
    done = embed(tmp_path, [[a, b], [c]], duplicates=[again], workers=2)
    assert done.calls == [("a", "b"), ("c",)]
    assert (done.added, done.settled) == (["a", "again", "b", "c"], 4)
    assert done.committed == {each.key for each in (a, b, c)}
    assert [(each.texts, each.tokens) for each in done.told(TextsEmbedded)] == [(2, 2), (1, 1)]
    assert all(done.in_flight.claim(each) for each in (a, b, c))


@pytest.mark.parametrize(
    ("counted", "tokens"), [(None, 7), (1_000, 1_000)], ids=["estimated", "counted"]
)
def test_a_bill_says_what_the_service_counted(
    tmp_path: Path, counted: int | None, tokens: int
) -> None:
    """Or, where it does not say, what was estimated."""
    done = embed(tmp_path, [[candidate("a", tokens=7)]], [counted])
    (committed,) = done.told(TextsEmbedded)
    assert (committed.texts, committed.tokens) == (1, tokens)
    assert committed.cost_usd == pytest.approx(tokens * PRICE)


@pytest.mark.parametrize(
    ("max_texts", "max_usd", "texts"),
    [
        (3, None, 3),
        (None, 45 * PRICE, 4),
        (None, 39 * PRICE, 3),
        (2, 45 * PRICE, 2),
        (0, None, 0),
        (None, 9 * PRICE, 0),
    ],
    ids=["texts", "money", "a token short", "both", "nothing left", "too dear"],
)
def test_a_budget_is_used_to_its_last_text(
    tmp_path: Path, max_texts: int | None, max_usd: float | None, texts: int
) -> None:
    """The batch that exceeds it is cut to what it allows; then the run stops."""
    budget = Budget(max_texts=max_texts, max_usd=max_usd, usd_per_million_tokens=0.15)
    batch = [candidate(name, tokens=10) for name in "abcde"]
    done = embed(tmp_path, [batch], budget=budget)
    assert isinstance(done.error, BudgetSpentError)
    assert done.calls == ([tuple("abcde"[:texts])] if texts else [])
    assert (done.added, len(done.committed)) == (list("abcde"[:texts]), texts)


def test_a_day_is_used_to_its_last_text_and_slept_through(tmp_path: Path) -> None:
    """The batch goes on where it was cut; without the wish to wait, the run stops."""
    waited: list[DailyQuotaError] = []

    async def wait(error: DailyQuotaError) -> None:
        waited.append(error)

    short = DailyQuotaError("the day's quota is used up", remaining=2)
    batch = [candidate(name) for name in "abcde"]
    done = embed(tmp_path / "waits", [batch], [short], wait_for_day=wait)
    assert done.error is None
    assert done.calls == [tuple("abcde"), ("a", "b"), ("c", "d", "e")]
    assert done.added == list("abcde")
    assert waited == [short]
    done = embed(tmp_path / "stops", [batch], [short])
    assert done.error is short
    assert done.added == ["a", "b"]


def test_a_budget_that_is_spent_is_not_slept_through(tmp_path: Path) -> None:
    """No day brings it back."""

    async def wait(error: DailyQuotaError) -> None:
        raise AssertionError(error)

    budget = Budget(max_texts=1, max_usd=None, usd_per_million_tokens=0.15)
    done = embed(tmp_path, [[candidate("a"), candidate("b")]], budget=budget, wait_for_day=wait)
    assert isinstance(done.error, BudgetSpentError)
    assert done.added == ["a"]


def test_a_batch_that_fits_no_minute_is_halved(tmp_path: Path) -> None:
    """Until its parts do; they are tried as often as any, and nothing is embedded twice."""
    batch = [candidate(name) for name in "abcde"]
    failures = [spoiling("x")] * (POISON_AFTER - 1)
    outcomes = [too_many(1.0, rpm=3), *failures]
    done = embed(tmp_path, [batch], outcomes, limits=QuotaLimits(100, 0, 0))
    assert done.calls == [tuple("abcde"), *[("a", "b")] * POISON_AFTER, ("c", "d", "e")]
    assert (done.added, done.error) == (list("abcde"), None)


def refusing(bad: str) -> CallRefusedError | None:
    return CallRefusedError("400 INVALID_ARGUMENT", 400) if bad else None


def test_a_text_that_the_service_refuses_is_found_and_noted(tmp_path: Path) -> None:
    """Those that wait for the same text are rejected with it; the others are stored."""

    def decide(_now: float, texts: Sequence[str]) -> Outcome:
        return refusing("d" * ("d" in texts))

    batch = [candidate(name) for name in "abcdefgh"]
    again = candidate("d", chunk="again")
    done = embed(tmp_path, [batch], decide, duplicates=[again], workers=2)
    assert done.error is None
    assert done.added == list("abcefgh")
    assert done.rejected == {"d": "400 INVALID_ARGUMENT", "again": "400 INVALID_ARGUMENT"}
    assert done.settled == 9
    assert done.refused == {KEYS.key("d"): "400 INVALID_ARGUMENT"}
    assert [(each.source, each.chunk_id, each.reason) for each in done.told(TextRejected)] == [
        ("d.md", "d", "400 INVALID_ARGUMENT"),
        ("again.md", "again", "400 INVALID_ARGUMENT"),
    ]
    # Nobody waits for anything.
    assert done.seconds < 0.5
    # At the beginning, and before it is noted.
    assert done.calls.count((CANARY_TEXT,)) == 2
    assert done.in_flight.claim(batch[3])


def test_a_service_that_refuses_everything_costs_no_text(tmp_path: Path) -> None:
    """At the beginning nothing is halved before a harmless text has gone through."""
    done = embed(tmp_path, [[candidate("a"), candidate("b")]], lambda _now, _texts: refusing("all"))
    assert isinstance(done.error, RequestRefusedError)
    assert done.calls == [("a", "b"), (CANARY_TEXT,)]
    assert (done.rejected, done.refused) == ({}, {})


def test_a_day_that_ends_with_a_harmless_text_is_slept_through_as_well(tmp_path: Path) -> None:
    """It counts as any other."""
    waited: list[DailyQuotaError] = []

    async def wait(error: DailyQuotaError) -> None:
        waited.append(error)

    short = DailyQuotaError("the day's quota is used up")
    done = embed(tmp_path, [[candidate("a")]], [refusing("a"), short, None], wait_for_day=wait)
    assert waited == [short]
    assert done.rejected == {"a": "400 INVALID_ARGUMENT"}


def spoiling(*bad: str, status: int = 200) -> TransientCallError | None:
    return TransientCallError("vectors of the wrong number", status) if any(bad) else None


def test_a_text_that_spoils_every_answer_is_found_in_rounds(tmp_path: Path) -> None:
    """Alone, it fails in three rounds; after each the service is seen to be well."""

    def decide(_now: float, texts: Sequence[str]) -> Outcome:
        return spoiling("b" * ("b" in texts))

    again = candidate("b", chunk="again")
    batch = [candidate(name) for name in "abcd"]
    done = embed(tmp_path, [batch], decide, duplicates=[again])
    assert done.error is None
    assert done.added == ["a", "c", "d"]
    reason = (
        f"no good answer to it in {POISON_ROUNDS * POISON_AFTER} calls or more"
        " (vectors of the wrong number)"
    )
    assert done.rejected == {"b": reason, "again": reason}
    assert done.refused == {KEYS.key("b"): reason}
    assert [each.chunk_id for each in done.told(TextRejected)] == ["b", "again"]
    # The batch as long as any; of its halves, known to hold a bad text, few calls tell.
    assert done.calls.count(("a", "b", "c", "d")) == POISON_AFTER
    assert done.calls.count(("a", "b")) == 2
    assert done.calls.count(("b",)) == POISON_ROUNDS * POISON_AFTER
    assert done.calls.count((CANARY_TEXT,)) == 2 + POISON_ROUNDS * POISON_CANARIES
    pauses = (POISON_ROUNDS - 1) * POISON_PAUSE
    assert pauses <= done.seconds < pauses + 60


def test_a_service_that_refuses_everything_in_the_midst_costs_no_text(tmp_path: Path) -> None:
    """The harmless text goes through once, and the next time it does not."""
    failures: list[Outcome] = [spoiling("x")] * POISON_AFTER
    outcomes = [*failures, None, CallRefusedError("403 PERMISSION_DENIED", 403)]
    done = embed(tmp_path, [[candidate("a")]], outcomes)
    assert isinstance(done.error, RequestRefusedError)
    assert "vectors of the wrong number" in str(done.error)
    assert (done.rejected, done.refused) == ({}, {})


def test_a_text_that_fails_while_the_service_does_is_not_rejected(tmp_path: Path) -> None:
    """A round in which the harmless text failed as well counts for nothing."""
    controls = 0
    alone = 0

    def decide(_now: float, texts: Sequence[str]) -> Outcome:
        nonlocal controls, alone
        if tuple(texts) == (CANARY_TEXT,):
            controls += 1
            # The first of a round fails, and goes through when it is sent again.
            return spoiling("x" * (controls % 2))
        alone += 1
        return spoiling("x" * (alone <= POISON_AFTER * (POISON_ROUNDS + 1)))

    done = embed(tmp_path, [[candidate("a")]], decide)
    assert (done.added, done.rejected, done.error) == (["a"], {}, None)
    # Of a service that is not well one harmless text is enough.
    assert controls == 2 * (POISON_ROUNDS + 1)


def test_a_batch_is_sent_when_it_is_full_or_nothing_more_comes() -> None:
    """Soon, since a worker may be idle; and what is left at the end."""

    async def run() -> list[tuple[float, str]]:
        builder = BatchBuilder[Candidate](3, 3_500_000, lambda: (0, 0))
        send, receive = anyio.create_memory_object_stream[list[Candidate]]()
        filled, batches = anyio.create_memory_object_stream[Batch[Candidate]](10)
        began, told = anyio.current_time(), list[tuple[float, str]]()

        async def take() -> None:
            with batches:
                async for batch in batches:
                    texts = "".join(each.text for each in batch.items)
                    told.append((round(anyio.current_time() - began, 3), texts))

        async def fill() -> None:
            with receive, filled:
                await fill_batches(receive, filled, builder)

        async with anyio.create_task_group() as group:
            group.start_soon(take)
            group.start_soon(fill)
            await send.send([candidate(text) for text in "abcdefg"])
            await anyio.sleep(1)
            await send.send([candidate("h")])
            await anyio.sleep(IDLE / 2)
            await send.send([candidate("i")])
            send.close()
        return told

    assert run_virtual(run) == [(0, "abc"), (0, "def"), (IDLE, "g"), (1 + IDLE / 2, "hi")]
