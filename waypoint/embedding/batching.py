"""Batches: texts that share one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Embeddable(Protocol):
    """What can be put into a batch."""

    @property
    def text(self) -> str:
        """As it is sent."""
        ...

    @property
    def tokens(self) -> int: ...


T = TypeVar("T", bound=Embeddable)


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Texts for one call; ``tokens`` is their sum, estimated."""

    items: tuple[T, ...]
    tokens: int

    def halves(self) -> tuple[Batch[T], Batch[T]]:
        """Two batches of at least one text each, in order; for a batch of two or more."""
        middle = len(self.items) // 2
        return batch_of(self.items[:middle]), batch_of(self.items[middle:])


def batch_of(items: tuple[T, ...]) -> Batch[T]:
    """The batch of these texts."""
    return Batch(items, sum(item.tokens for item in items))


class BatchBuilder(Generic[T]):
    """Fills batches up to the limits of the service and to what can be spaced evenly.

    Args:
        max_texts, max_bytes: most that a call takes.
        best: texts and tokens beyond which a batch could not be spaced evenly, 0 for no such bound;
            asked anew each time, since the limits may change.
    """

    def __init__(self, max_texts: int, max_bytes: int, best: Callable[[], tuple[int, int]]) -> None:
        self._max_texts = max_texts
        self._max_bytes = max_bytes
        self._best = best
        self._items: list[T] = []
        self._tokens = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> Iterator[Batch[T]]:
        """Take a text in; yields the batch that became full, if one did."""
        texts, tokens = self._best()
        size = len(item.text.encode())
        if self._items and (
            (tokens and self._tokens + item.tokens > tokens) or self._bytes + size > self._max_bytes
        ):
            yield self.flush()
        self._items.append(item)
        self._tokens += item.tokens
        self._bytes += size
        if len(self._items) >= min(self._max_texts, texts or self._max_texts):
            yield self.flush()

    def flush(self) -> Batch[T]:
        """The batch so far, full or not; at least one text must have been added."""
        batch = Batch(tuple(self._items), self._tokens)
        self._items, self._tokens, self._bytes = [], 0, 0
        return batch
