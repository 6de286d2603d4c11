"""What a run may spend: so many texts, so many US dollars."""

from __future__ import annotations

import anyio

from waypoint.errors import BudgetSpentError


class Budget:
    """Reserves before a call what it will cost, so that no answer ever exceeds the budget.

    It is spent only when no reserved call can give its share back: until then :attr:`in_flight`.

    Args:
        max_texts: most texts to embed; None for any number.
        max_usd: most US dollars; None for any amount.
        usd_per_million_tokens: the model's price.
    """

    def __init__(
        self, *, max_texts: int | None, max_usd: float | None, usd_per_million_tokens: float
    ) -> None:
        self._max_texts = max_texts
        self._max_tokens = None if max_usd is None else max_usd / usd_per_million_tokens * 1_000_000
        self._max_usd = max_usd
        self._texts = 0
        self._tokens = 0.0
        self._in_flight = 0
        self._changed: anyio.Event | None = None

    @property
    def in_flight(self) -> bool:
        """Whether a reserved call is neither settled nor released."""
        return self._in_flight > 0

    async def changed(self) -> None:
        """Return when a reserved call is settled or released."""
        self._changed = self._changed or anyio.Event()
        await self._changed.wait()

    def reserve(self, texts: int, tokens: int) -> None:
        """Reserve what a call will cost.

        Raises:
            BudgetSpentError: it is more than what is left.
        """
        texts_left = None if self._max_texts is None else self._max_texts - self._texts
        tokens_left = None if self._max_tokens is None else self._max_tokens - self._tokens
        if texts_left is not None and texts > texts_left:
            raise _spent(f"of {self._max_texts:,} texts", "--max-texts", texts_left, tokens_left)
        if tokens_left is not None and tokens > tokens_left:
            raise _spent(f"of ${self._max_usd:g}", "--max-cost", texts_left, tokens_left)
        self._texts += texts
        self._tokens += tokens
        self._in_flight += 1

    def settle(self, tokens: int, *, counted: int) -> None:
        """A reserved call was, or may have been, billed for so many tokens."""
        self._tokens += counted - tokens
        self._end_call()

    def release(self, texts: int, tokens: int) -> None:
        """A reserved call was not billed."""
        self._texts -= texts
        self._tokens -= tokens
        self._end_call()

    def _end_call(self) -> None:
        self._in_flight -= 1
        if self._changed is not None:
            self._changed.set()
            self._changed = None


def _spent(
    what: str, option: str, texts_left: int | None, tokens_left: float | None
) -> BudgetSpentError:
    return BudgetSpentError(
        f"the budget {what} is spent: the next call would exceed it",
        hint=f"run the same command again, with a larger {option} if need be; what is embedded is "
        "kept",
        texts_left=texts_left,
        tokens_left=None if tokens_left is None else int(tokens_left),
    )
