"""The verdict: every check with its figure, and whether all of it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from waypoint.files import write_whole
from waypoint.sanitize import json_bytes
from waypoint.verification.checks import CheckResult, Status
from waypoint.verification.retrieval import TierResult


@dataclass(slots=True)
class Verdict:
    """What one verification found."""

    verify_id: str
    time: str
    """UTC, ISO 8601."""
    collection: str
    provider: str = ""
    model: str = ""
    dimensions: int = 0
    chunks: int = 0
    knowledge_base: str = ""
    queries: str = ""
    """The file of the questions; empty if none were asked."""
    seconds: float = 0.0
    checks: list[CheckResult] = field(default_factory=list)
    tiers: list[TierResult] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    repair: dict[str, Any] | None = None
    """What ``--repair`` did before this verification."""

    @property
    def passed(self) -> bool:
        """Whether nothing failed. What was skipped says nothing."""
        return all(check.status is not Status.FAIL for check in self.checks)

    def failing(self) -> Sequence[str]:
        """Names of the checks that failed."""
        return [check.name for check in self.checks if check.status is Status.FAIL]

    def to_json(self) -> bytes:
        content = {"passed": self.passed, **asdict(self)}
        return json_bytes(content, indent=True)


def write_verdict(verdict: Verdict, folder: Path) -> Path:
    """Write the verdict as JSON, named by its verification.

    Raises:
        OSError: the folder cannot be written.
    """
    return write_whole(folder / f"verify-{verdict.verify_id}.json", verdict.to_json())
