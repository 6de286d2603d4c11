"""The canary: sent after every refusal of suspect texts, once for all who ask together."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from tests.support.retrying_bench import Bench, on_bench
from waypoint.embedding.port import Answer, CallRefusedError
from waypoint.embedding.providers import known_model
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import RequestRefusedError
from waypoint.ingestion.canary import CANARY_TEXT, Canary
from waypoint.models import TextKey

REFUSAL = CallRefusedError("400 INVALID_ARGUMENT", 400)


def control_on(bench: Bench, committed: list[TextKey]) -> Canary:
    async def commit(keys: Sequence[TextKey], answer: Answer, estimate: int) -> None:
        assert (len(answer.vectors), estimate) == (1, estimate_tokens(CANARY_TEXT))
        committed.extend(keys)

    space = bench.scripted.space
    return Canary(bench.embedder, commit, space, known_model(space.model), None)


def test_workers_that_ask_together_share_it_and_later_ones_do_not() -> None:
    """What is answered before a refusal comes says nothing about the refusal; it is billed."""

    async def test(bench: Bench) -> list[TextKey]:
        committed: list[TextKey] = []
        control = control_on(bench, committed)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(control.check, REFUSAL)
            # While the first is under way: it was sent before this refusal came.
            await anyio.sleep(0.5)
            group.start_soon(control.check, REFUSAL)
        assert len(bench.scripted.calls) == 2
        await control.check(REFUSAL)
        assert [texts for _, texts in bench.scripted.calls] == [(CANARY_TEXT,)] * 3
        assert committed == [TextKeys(bench.scripted.space).key(CANARY_TEXT)] * 3
        return committed

    assert on_bench(test, latency=1.0)


def test_where_it_is_refused_as_well_it_is_the_request() -> None:
    """For each who asked; nothing is noted, and a good one does not outlive it."""

    async def test(bench: Bench) -> int:
        committed: list[TextKey] = []
        control = control_on(bench, committed)
        await control.check(REFUSAL)
        told: list[RequestRefusedError] = []

        async def ask() -> None:
            with pytest.raises(RequestRefusedError, match="refuses every request") as caught:
                await control.check(REFUSAL)
            told.append(caught.value)

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
        assert len(committed) == 1
        return len(told)

    assert on_bench(test, [None, REFUSAL, REFUSAL], latency=1.0) == 2
