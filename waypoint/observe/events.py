"""What a run tells about itself. Events are facts, emitted once, and never ask for an answer.

No event holds a document's text, a vector or the key: whatever listens may write all of it
to a log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    run_id: str
    collection: str
    provider: str
    model: str
    dimensions: int
    knowledge_base: str
    concurrency: int | str
    """A number, or ``auto``."""


@dataclass(frozen=True, slots=True)
class Surveyed(Event):
    """The folder was counted, so that a progress display knows the whole."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RunRepeated(Event):
    """The store or the ledger was repaired, and the run goes over the whole folder once more.

    What is counted of files, documents and chunks begins anew; calls and cost go on.
    """

    dropped: bool
    """Whether the collection was dropped: then what was written is written again."""


@dataclass(frozen=True, slots=True)
class FilesFound(Event):
    """Files met by the walk, those that it rejects among them."""

    files: int
    bytes: int
    unchanged: int
    """Documents of files that are as they were, and are not opened."""
    unchanged_bytes: int
    outdated: int = 0
    """Of the unchanged documents, those that an earlier version of their reader made."""


@dataclass(frozen=True, slots=True)
class DocumentsFound(Event):
    """It is known how many documents these files are: by reading them, or from an earlier run."""

    files: int
    documents: int
    """A file that cannot be read counts as one."""


@dataclass(frozen=True, slots=True)
class FileSkipped(Event):
    """A file, or a whole folder, was left out by rule."""

    source: str
    reason: str
    named: bool = True
    """Whether it is worth a word of its own, or only counts among those of its reason."""


@dataclass(frozen=True, slots=True)
class DocumentUnchanged(Event):
    """Read again, and found to be what it was."""

    source: str
    size: int


@dataclass(frozen=True, slots=True)
class DocumentWarning(Event):
    """Something of a document was lost, or is odd; or something is about a name in the folder."""

    source: str
    warning: str
    first: bool = False
    """Whether it is the first one of a document, which then counts as one with warnings."""
    named: bool = True
    """Whether it is worth a word of its own; not if the document is unchanged, so that the run
    that read it has said so."""


@dataclass(frozen=True, slots=True)
class DocumentRejected(Event):
    source: str
    reason: str
    hint: str
    size: int = 0
    """Bytes of its file, where the walk has counted them."""
    named: bool = True
    """Whether it is worth a word of its own, or is one of very many records of a file."""


@dataclass(frozen=True, slots=True)
class DocumentChunked(Event):
    source: str
    size: int
    chunks: int
    characters: int


@dataclass(frozen=True, slots=True)
class ChunksSplit(Event):
    """Texts that the model might have cut were split."""

    source: str
    pieces: int
    """Chunks that came of it."""


@dataclass(frozen=True, slots=True)
class ChunksDeduplicated(Event):
    """Where the vector of each chunk of a group comes from; the numbers add up to the group."""

    present: int
    """In the collection already, with these metadata or others."""
    from_ledger: int
    """Embedded before: the vector is in the ledger."""
    same_text: int
    """The same text is being embedded for another chunk."""
    to_embed: int
    refused: int = 0
    """The service refused the text before; it is not asked again."""
    deferred: int = 0
    """Its text waits for a batch job."""
    tokens_saved: int = 0
    """Estimated tokens of those that need no call: present, from the ledger, or the same text."""


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    texts: int
    tokens: int
    attempt: int


@dataclass(frozen=True, slots=True)
class CallAnswered(Event):
    texts: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CallEnded(Event):
    """A call came to an end of which we know: answered, refused or failed."""

    texts: int
    status: int | None = None
    """HTTP's; None where no answer came, or one that ends the run."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CallFailed(Event):
    """A call that will be tried again after ``wait`` seconds."""

    reason: str
    status: int | None
    wait: float
    attempt: int
    said: str = ""
    """The service's own words, where they are not in the reason."""


@dataclass(frozen=True, slots=True)
class ServiceSaid(Event):
    """What calls fail of, in the service's own words; once a run for each sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class ServiceDelay(Event):
    """The service asks for a wait of more than a minute, and is waited for."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TextsEmbedded(Event):
    """Vectors were committed to the ledger."""

    texts: int
    tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class TextsLost(Event):
    """Answered, and billed, but the ledger could not take the vectors: to be embedded again."""

    texts: int
    tokens: int
    cost_usd: float
    counted: bool
    """Whether the ledger could at least note that they were used of the day."""

    def __str__(self) -> str:
        return (
            f"lost {self.texts:,} texts (${self.cost_usd:.4f}) that were answered: the ledger "
            "could not be written"
        )


@dataclass(frozen=True, slots=True)
class JobSubmitted(Event):
    """A batch job was made at the service, or found there after its answer was lost."""

    job: str
    texts: int
    tokens: int

    def __str__(self) -> str:
        return f"job {self.job}: {self.texts:,} texts submitted (about {self.tokens:,} tokens)"


@dataclass(frozen=True, slots=True)
class JobsAwaited(Event):
    """Nothing is to be done but to wait for batch jobs."""

    jobs: int
    texts: int


@dataclass(frozen=True, slots=True)
class JobDoubled(Event):
    """The service made a second job of one request; it is cancelled."""

    job: str
    texts: int

    def __str__(self) -> str:
        return f"job {self.job}: the service made it twice ({self.texts:,} texts); one is cancelled"


@dataclass(frozen=True, slots=True)
class JobSettled(Event):
    """Nothing more comes of a batch job."""

    job: str
    outcome: str
    committed: int
    """Texts, as the next three."""
    returned: int
    """To be put into another job."""
    to_calls: int
    """To be sent in calls."""
    maybe_billed: int
    """May have been billed, though their vectors never came."""
    maybe_billed_usd: float

    def __str__(self) -> str:
        line = f"job {self.job}: {self.outcome}; {self.committed:,} texts committed"
        if self.returned:
            line += f", {self.returned:,} given back"
        if self.to_calls:
            line += f", {self.to_calls:,} left to calls"
        if self.maybe_billed:
            line += (
                f"; {self.maybe_billed:,} may have been billed for nothing "
                f"(${self.maybe_billed_usd:.4f})"
            )
        return line


@dataclass(frozen=True, slots=True)
class TextRejected(Event):
    source: str
    chunk_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuotaChanged(Event):
    """The pace was changed: by what the server said, or because nothing spoke against it."""

    rpm: int
    tpm: int
    why: str


@dataclass(frozen=True, slots=True)
class ConcurrencyChanged(Event):
    """Another number of calls may be in flight (``--concurrency auto``)."""

    limit: int
    why: str


@dataclass(frozen=True, slots=True)
class WaitingForDailyReset(Event):
    """The day's quota is used up, and the run sleeps until there is more (``--wait``)."""

    until: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class ChunksWritten(Event):
    """Acknowledged by Chroma."""

    added: int
    updated: int
    deleted: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreRetried(Event):
    operation: str
    reason: str
    wait: float


@dataclass(frozen=True, slots=True)
class StoreRecovered(Event):
    """What was tried again has succeeded, after so many seconds."""

    operation: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreNotice(Event):
    """Something about the store or the ledger that the user should know."""

    message: str


@dataclass(frozen=True, slots=True)
class DocumentCompleted(Event):
    source: str
    chunks: int
    size: int
    seconds: float = 0.0
    """From being cut to being stored; mostly the wait for its turn."""


@dataclass(frozen=True, slots=True)
class DocumentRemoved(Event):
    source: str
    chunks: int


@dataclass(frozen=True, slots=True)
class RemovalRefused(Event):
    """Documents are missing from the folder, but in a way that is hard to believe."""

    documents: int
    reason: str


@dataclass(frozen=True, slots=True)
class Draining(Event):
    """The run takes in nothing more and finishes what is in flight."""

    reason: str


@dataclass(frozen=True, slots=True)
class MonitorReady(Event):
    """The run can be looked at."""

    url: str


@dataclass(frozen=True, slots=True)
class MonitorFailed(Event):
    """The run cannot be looked at, or not any more; it goes on all the same."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    standing_rejects: int
    """Documents and chunks that stand rejected, from this run or an earlier one."""
    exit_code: int
    message: str
    hint: str
    seconds: float = 0.0
    """The whole run's."""
    rejects_file: str = ""
    """Lists all that stand rejected; empty if it was not written."""


Listener = Callable[[Event], None]


class EventBus:
    """Hands every event to every listener, in order, at once."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
