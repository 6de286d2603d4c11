"""Answers that are committed, kept for another ledger, or lost and counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.embed_bench import DAY, KEYS, LedgerOnLoop
from tests.support.scripted_embedder import ScriptedEmbedder
from waypoint.embedding.port import Answer
from waypoint.embedding.providers import known_model
from waypoint.errors import LedgerDamagedError, LedgerError, StoreWriteError
from waypoint.ingestion.commits import Billed, Commits
from waypoint.models import DayUse
from waypoint.observe.events import Event, EventBus, TextsEmbedded, TextsLost
from waypoint.storage.ledger.room import HORIZON, CallRoom
from waypoint.storage.ledger.sqlite import SqliteLedger

SPACE = ScriptedEmbedder().space
A, B = KEYS.key("a"), KEYS.key("b")
ANSWER = Answer(np.array([[0.6, 0.8], [0.8, 0.6]], np.float32), 50)
COST = 50 * 0.15 / 1_000_000
"""USD for the answer's 50 tokens."""


class HinderedLedger(SqliteLedger):
    """A ledger that fails as it is told, and notes what room it was asked for."""

    fails: Exception | None = None
    counts = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rooms: list[CallRoom] = []

    def make_room(self, room: CallRoom) -> None:
        self.rooms.append(room)

    def commit_vectors(self, *args: Any, **kwargs: Any) -> None:
        if self.fails is not None:
            raise self.fails
        super().commit_vectors(*args, **kwargs)

    def count_lost(self, *args: Any, **kwargs: Any) -> None:
        if self.fails is not None and not self.counts:
            raise self.fails
        super().count_lost(*args, **kwargs)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[HinderedLedger]:
    """A new ledger that nothing hinders yet."""
    opened = HinderedLedger(tmp_path)
    yield opened
    opened.close()


def commits_to(
    ledger: HinderedLedger, events: list[Event], kept: list[Billed] | None = None, calls: int = 3
) -> Commits:
    bus = EventBus()
    bus.subscribe(events.append)
    return Commits(
        LedgerOnLoop(ledger),
        bus,
        space=SPACE,
        model=known_model(SPACE.model),
        batch_size=7,
        calls=lambda: calls,
        kept=kept,
        today=lambda: DAY,
    )


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize(
    "error", [StoreWriteError("no", hint=""), LedgerError("no"), LedgerDamagedError("no")]
)
async def test_what_could_not_be_committed_is_told_and_counted_if_possible(
    ledger: HinderedLedger, error: Exception, counted: bool
) -> None:
    """With its texts, tokens and cost; no text counts as saved."""
    events: list[Event] = []
    commits = commits_to(ledger, events)
    ledger.fails, ledger.counts = error, counted
    with pytest.raises(type(error)):
        await commits.commit([A, B], ANSWER, 40)
    assert events == [TextsLost(2, 50, COST, counted)]
    assert commits.saved == 0
    assert ledger.committed_keys([A, B]) == set()
    used = DayUse(texts=2, calls=1) if counted else DayUse()
    assert ledger.day_use(DAY.isoformat(), SPACE) == used


async def test_what_a_damaged_ledger_could_not_take_is_kept_for_the_next(
    ledger: HinderedLedger,
) -> None:
    """Billed once, told once; what fails for another reason is not kept."""
    events: list[Event] = []
    kept: list[Billed] = []
    first = commits_to(ledger, events, kept)
    ledger.fails = LedgerDamagedError("no")
    with pytest.raises(LedgerDamagedError):
        await first.commit([A, B], ANSWER, 40)
    assert (events, len(kept)) == ([], 1)
    ledger.fails = None
    second = commits_to(ledger, events, kept)
    await second.commit_kept()
    assert (kept, second.saved) == ([], 2)
    assert events == [TextsEmbedded(2, 50, COST)]
    assert ledger.committed_keys([A, B]) == {A, B}
    assert len(ledger.rooms) == 1
    ledger.fails = LedgerError("no")
    with pytest.raises(LedgerError):
        await second.commit([A], Answer(ANSWER.vectors[:1], None), 40)
    assert kept == []


async def test_room_is_made_sure_of_again_when_it_may_be_used_up(ledger: HinderedLedger) -> None:
    """For all calls that may be in flight: at first, when they become more, and now and then."""
    commits = commits_to(ledger, [])
    await commits.make_room()
    await commits.make_room()
    room = CallRoom(3, 7, SPACE.dimensions)
    assert ledger.rooms == [room]
    keys = [KEYS.key(str(number)) for number in range(HORIZON)]
    vectors = np.tile(ANSWER.vectors[:1], (HORIZON, 1))
    await commits.commit(keys[:-1], Answer(vectors[:-1], None), 1)
    await commits.make_room()
    assert ledger.rooms == [room]
    await commits.commit(keys[-1:], Answer(vectors[-1:], None), 1)
    await commits.make_room()
    assert ledger.rooms == [room] * 2
    assert commits.saved == HORIZON


async def test_more_calls_need_more_room_and_fewer_keep_it(ledger: HinderedLedger) -> None:
    """What was in flight may be so still."""
    calls = 2
    commits = Commits(
        LedgerOnLoop(ledger), EventBus(), space=SPACE, model=known_model(SPACE.model),
        batch_size=7, calls=lambda: calls,
    )  # fmt: skip
    for calls in (2, 5, 3, 5, 6):  # noqa: B007
        await commits.make_room()
    assert [room.calls for room in ledger.rooms] == [2, 5, 6]


async def test_once_the_room_is_used_nothing_more_is_sent(ledger: HinderedLedger) -> None:
    """What was answered is committed all the same, and then the run ends."""
    commits = commits_to(ledger, [])
    await commits.make_room()
    ledger.closing = StoreWriteError("the room is used", hint="")
    with pytest.raises(StoreWriteError, match="the room is used"):
        await commits.commit([A, B], ANSWER, 40)
    assert ledger.committed_keys([A, B]) == {A, B}
    with pytest.raises(StoreWriteError, match="the room is used"):
        await commits.make_room()
    assert len(ledger.rooms) == 1
