"""What some settings can be, and the sections of them that rooms are handed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from waypoint.settings.chroma_address import ChromaAddress


class Group(StrEnum):
    """What a setting is about: the headings of help and of ``waypoint.toml``, in this order."""

    DOCUMENTS = "Documents"
    EMBEDDING = "Embedding"
    QUOTA = "Quota and cost"
    CHUNKS = "Chunks"
    STORE = "Store"
    WATCHING = "Progress and logs"


class QuotaTier(StrEnum):
    """The account's tier; ``auto`` starts at the free pace and finds its way up."""

    AUTO = "auto"
    FREE = "free"
    ONE = "1"
    TWO = "2"
    THREE = "3"


class QuotaUnit(StrEnum):
    """What counts as one against the limits of a minute and of a day."""

    TEXTS = "texts"
    CALLS = "calls"


class Mode(StrEnum):
    """How texts are embedded."""

    INTERACTIVE = "interactive"
    """By calls, at the pace of the account's quota."""
    BATCH = "batch"
    """By asynchronous jobs, at half the price."""
    MIXED = "mixed"
    """By both at once."""


class ChunkUnit(StrEnum):
    """What the size and the overlap of chunks are counted in."""

    CHARACTERS = "characters"
    TOKENS = "tokens"


class Ocr(StrEnum):
    """Which pages are read by text recognition."""

    OFF = "off"
    AUTO = "auto"
    FORCE = "force"


class FailOn(StrEnum):
    """Which rejects make a run that is finished end with exit code 1."""

    NEVER = "never"
    NEW_REJECTS = "new-rejects"
    REJECTS = "rejects"


class Attachments(StrEnum):
    """What becomes of the files that come with a message."""

    TOLD = "told"
    READ = "read"


class LogFormat(StrEnum):
    """How lines look where there is no terminal."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe line that is shown."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """What the account allows. ``None`` takes the tier's figure, 0 means no limit."""

    tier: QuotaTier
    rpm: int | None
    tpm: int | None
    rpd: int | None
    unit: QuotaUnit = QuotaUnit.TEXTS

    @property
    def to_find(self) -> frozenset[str]:
        """The limits of a minute that nobody told: the pace is to find its own way up."""
        if self.tier is not QuotaTier.AUTO:
            return frozenset()
        given = {"rpm": self.rpm, "tpm": self.tpm}
        return frozenset(name for name, limit in given.items() if limit is None)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where Chroma is: ``server`` if there is one, else a private one over ``persist_path``."""

    persist_path: Path
    server: ChromaAddress | None
    give_up_after: float
    """Seconds during which a server that went away is tried again."""
    create_database: bool = False
    """Make the server's database if there is none."""
