"""What the pipeline needs of an embedding service, and the ways in which one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from waypoint.models import EmbeddingSpace, Vectors


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered call, checked."""

    vectors: Vectors
    """Shape (texts, dimensions), rows of unit length, in the order of the texts."""
    tokens: int | None
    """As the service counted them; None where it does not say."""


class Embedder(Protocol):
    """A service that turns texts into vectors."""

    @property
    def space(self) -> EmbeddingSpace: ...

    async def embed(self, texts: Sequence[str]) -> Answer:
        """Make one call, without a retry of any kind.

        Raises:
            TransientCallError: worth another try; ``QuotaExceededError`` after a wait.
            CallRefusedError: the service refuses these texts as such.
            KeyRefusedError, RequestRefusedError: no call will succeed.
        """
        ...


class CallError(Exception):
    """One call failed. The message never holds a text."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class TransientCallError(CallError):
    """Worth another try: the service is overloaded, the line broke, the answer was malformed."""

    def __init__(
        self, reason: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after
        """Seconds that the service asks us to wait; None where it does not say."""

    @property
    def overload(self) -> bool:
        """Whether it says that more is asked of the service than it can do."""
        return self.status in (503, 504)


class LateAnswerError(TransientCallError):
    """No answer within the deadline of a call."""

    @property
    def overload(self) -> bool:
        return True


class QuotaExceededError(TransientCallError):
    """429: too many texts or tokens a minute. Concerns all workers, not this call alone."""

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None,
        rpm: int | None = None,
        tpm: int | None = None,
    ) -> None:
        super().__init__(reason, 429, retry_after)
        self.rpm = rpm
        self.tpm = tpm


class BatchTooLargeError(CallError):
    """The batch was made when the quota seemed larger: it does not fit into a minute any more."""


class PoisonBatchError(CallError):
    """Call after call of these very texts fails in a way that one of them may be the cause of."""


class CallRefusedError(CallError):
    """The service refuses at least one of the texts; ``doubtful``: or it may take them later."""

    def __init__(self, reason: str, status: int | None = None, *, doubtful: bool = False) -> None:
        super().__init__(reason, status)
        self.doubtful = doubtful
