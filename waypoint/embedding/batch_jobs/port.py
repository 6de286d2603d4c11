"""What Waypoint needs of a service that embeds by asynchronous jobs.

Everything that comes from outside is checked by the adapter. No method tries again: whoever
calls knows what may be asked twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from waypoint.embedding.port import CallError
from waypoint.models import EmbeddingSpace


class JobState(StrEnum):
    """As the service tells it."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def live(self) -> bool:
        """Whether it may still come to something."""
        return self in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class ServiceJob:
    """A job as the service describes it."""

    name: str
    display_name: str
    state: JobState
    results: str
    """The name of its results file; empty without one."""
    untouched: int | None
    """Rows that it has not come to, as far as it tells; None where it does not."""


class MissingError(CallError):
    """What was asked for does not exist, or is not ours."""


class NameTakenError(CallError):
    """A file of that name exists, or its upload was broken off."""


class BatchJobs(Protocol):
    """Jobs of one service and one key.

    Raises:
        TransientCallError: what became of the request is not known, or it may be tried again;
            ``QuotaExceededError`` where a limit is met.
        CallRefusedError: the service refuses it as such.
        KeyRefusedError, RequestRefusedError: no request will succeed.
    """

    @property
    def account(self) -> str:
        """What tells the key from others, and does not give it away."""
        ...

    async def upload(self, name: str, size: int, content: AsyncIterator[bytes]) -> None:
        """Upload a file of that name and of so many bytes. Raises NameTakenError."""
        ...

    async def file_size(self, name: str) -> int:
        """Bytes of an uploaded file. Raises MissingError."""
        ...

    async def delete_file(self, name: str) -> None:
        """Raises MissingError."""
        ...

    async def create(self, space: EmbeddingSpace, file: str, display_name: str) -> ServiceJob:
        """Make a job of an uploaded file. The same request twice makes two jobs."""
        ...

    async def get(self, name: str) -> ServiceJob:
        """Raises MissingError."""
        ...

    def list(self) -> AsyncIterator[ServiceJob]:
        """All jobs of the key's project, page by page."""
        ...

    async def cancel(self, name: str) -> None:
        """Raises MissingError."""
        ...

    async def delete(self, name: str) -> None:
        """The job with its results. It does not cancel. Raises MissingError."""
        ...

    def download(self, results: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The lines of a results file as they come, whole and without their ends.

        Raises MissingError.
        """
        ...
