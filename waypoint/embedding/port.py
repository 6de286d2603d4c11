"""What Waypoint needs of an embedding service, and the ways in which a call to one fails.

A provider is one file in ``providers/`` and one entry in the table there. Every one of them
passes ``tests/contract/provider_contract.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from waypoint.embedding.known_models import EmbeddingModel
from waypoint.embedding.rate_limit.limits import QuotaRules
from waypoint.models import EmbeddingSpace, Vectors
from waypoint.settings import Settings

if TYPE_CHECKING:
    from waypoint.embedding.batch_jobs.port import BatchJobs


class Provider(Protocol):
    """Somebody whose models embed. Building one costs nothing: no SDK is imported for it."""

    @property
    def name(self) -> str:
        """As EMBEDDING_PROVIDER names it, and as text keys, ledger and collections do."""
        ...

    @property
    def title(self) -> str:
        """What a person calls it."""
        ...

    @property
    def models(self) -> Mapping[str, EmbeddingModel]:
        """By name, with their prices and with what a call and a text may hold."""
        ...

    @property
    def bills(self) -> bool:
        """Whether a call costs money; else the price is what its like would have cost."""
        ...

    @property
    def has_jobs(self) -> bool:
        """Whether Waypoint embeds by its batch jobs."""
        ...

    @property
    def quota(self) -> QuotaRules:
        """What its limits are counted in, and which there are."""
        ...

    @property
    def suffix(self) -> str:
        """Of the default collection's name, so that no two kinds of vectors meet in one."""
        ...

    async def find(self, settings: Settings) -> Endpoint:
        """Where its calls go; may ask a server for that, by a call that costs nothing.

        The endpoint's provider is another one if that is what answers there.

        Raises:
            MissingKeyError: a key is needed, and there is none.
            KeyRefusedError, AccountRefusedError, RequestRefusedError, ServiceUnavailableError:
                from that one call.
        """
        ...

    async def preload(self) -> None:
        """Import what its calls need, ahead of the first one."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go, and whose vectors they bring."""

    provider: Provider
    quota: QuotaRules
    """Of what answers there."""
    open: Callable[[EmbeddingSpace], AbstractAsyncContextManager[Embedder]]
    """Connects; what it opened is closed at the context's end."""
    open_jobs: Callable[[], AbstractAsyncContextManager[BatchJobs]] | None = None
    """Likewise, for batch jobs; None where Waypoint can make none."""
    jobs_last: bool = True
    """Whether a job outlives the run that made it."""
    notices: tuple[str, ...] = ()
    """What of the configuration is not as one would think."""


class Embedder(Protocol):
    """One model of one service, for one task."""

    @property
    def space(self) -> EmbeddingSpace: ...

    async def embed(self, texts: Sequence[str]) -> Answer:
        """Make one call, without a retry of any kind.

        Raises:
            TransientCallError: worth another try; ``QuotaExceededError`` after a wait.
            CallRefusedError: the service refuses these texts as such.
            KeyRefusedError, AccountRefusedError, RequestRefusedError: no call will succeed.
            DailyQuotaError: the day's quota is used up.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered call, checked."""

    vectors: Vectors
    """Shape (texts, dimensions), rows of unit length, in the order of the texts."""
    tokens: int | None
    """As the service counted them; None where it does not say."""


class CallError(Exception):
    """One call failed. The message never holds a text."""

    def __init__(self, reason: str, status: int | None = None, *, said: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.said = said
        """The service's own words, where they are not in the reason."""

    @property
    def whole(self) -> str:
        """The reason, with the service's own words."""
        return f"{self.reason}: {self.said}" if self.said else self.reason


class TransientCallError(CallError):
    """Worth another try: the service is overloaded, the line broke, the answer was malformed."""

    def __init__(
        self,
        reason: str,
        status: int | None = None,
        retry_after: float | None = None,
        *,
        said: str = "",
    ) -> None:
        super().__init__(reason, status, said=said)
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
        said: str = "",
    ) -> None:
        super().__init__(reason, 429, retry_after, said=said)
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
