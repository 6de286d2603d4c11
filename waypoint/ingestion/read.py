"""The stage that reads files: several of them at once, each with a reader of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import anyio.lowlevel
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from waypoint.errors import DocumentRejectedError, RecordRejectedError
from waypoint.formats.registry import took_ocr
from waypoint.ingestion.messages import ReadDocument
from waypoint.models import Document, SourceFile
from waypoint.observe.events import (
    DocumentRejected,
    DocumentsFound,
    DocumentUnchanged,
    DocumentWarning,
    EventBus,
)
from waypoint.sources.port import DocumentReader, FileContent
from waypoint.storage.ledger.port import Ledger

EVENTS_A_STEP = 1_000
"""Rejects of records that are told at once: the loop is for others in between."""
MOST_NAMED = 20
"""Rejected records of one file that are named on the terminal and in the log."""
MOST_LISTED = 10_000
"""Rejected records of one file of which each is a reject; all others are one, the file's."""


class ReadStage:
    """Turns files into documents; drops those that are what they were.

    Args:
        open_reader: a reader for each worker; it may hold a process, and ends with the context.
        reread: whether documents are read anew that another reader made.
    """

    def __init__(
        self,
        ledger: Ledger,
        collection: int,
        events: EventBus,
        open_reader: Callable[[], AbstractAsyncContextManager[DocumentReader]],
        *,
        reread: bool = False,
    ) -> None:
        self._ledger = ledger
        self._collection = collection
        self._events = events
        self._open_reader = open_reader
        self.reread = reread

    async def work(
        self,
        found: ObjectReceiveStream[list[SourceFile]],
        documents: ObjectSendStream[list[ReadDocument]],
    ) -> None:
        """One of several workers."""
        async with self._open_reader() as reader:
            async for files in found:
                changed = await self._sort_out(files, await reader.read(files))
                if changed:
                    await documents.send(changed)

    async def reject(self, file: str, reason: str, hint: str, size: int = 0) -> None:
        """Note that a file cannot be read; what is known of it stays."""
        await self._ledger.mark_file_seen(self._collection, file)
        await self._ledger.reject(self._collection, file, reason, hint)
        self._events.emit(DocumentsFound(1, 1))
        self._events.emit(DocumentRejected(file, reason, hint, size))

    async def reject_document(self, error: DocumentRejectedError, size: int) -> None:
        """Note that a document that was read cannot be had after all; what is known of it stays."""
        await self._ledger.reject(self._collection, error.source, error.reason, error.hint)
        self._events.emit(DocumentRejected(error.source, error.reason, error.hint, size))

    async def _sort_out(
        self, files: Sequence[SourceFile], contents: Sequence[FileContent]
    ) -> list[ReadDocument]:
        """The documents that are new or changed; the ledger is told of the others."""
        read: list[tuple[Document, int]] = []
        for file, content in zip(files, contents, strict=True):
            if isinstance(content, DocumentRejectedError):
                await self.reject(content.source, content.reason, content.hint, file.size)
                continue
            self._events.emit(DocumentsFound(1, len(content)))
            if any(each.source != file.source for each in content):
                # No document of that name is ever complete, which would clear it.
                await self._ledger.clear_rejects(self._collection, [file.source])
            errors = [each for each in content if isinstance(each, RecordRejectedError)]
            if errors:
                await self._reject_records(file, errors, file.size // len(content))
            read.extend((each, len(content)) for each in content if isinstance(each, Document))
        if not read:
            return []
        sources = [document.source for document, _ in read]
        known = await self._ledger.find_documents(self._collection, sources)
        changed: list[ReadDocument] = []
        touched: list[tuple[Document, int]] = []
        for document, siblings in read:
            for number, warning in enumerate(document.warnings):
                self._events.emit(DocumentWarning(document.source, warning, first=not number))
            before = known.get(document.source)
            same = before is not None and before.is_same(document)
            if same and before and not self._makes_anew(before.reader, document.reader):
                touched.append((document, siblings))
            else:
                changed.append(ReadDocument(document, before, siblings))
        await self._touch(touched)
        return changed

    def _makes_anew(self, before: str, now: str) -> bool:
        """Whether an unchanged document is replaced, by the readers that made and make it."""
        return (self.reread and before != now) or (took_ocr(now) and not took_ocr(before))

    async def _reject_records(
        self, file: SourceFile, errors: Sequence[RecordRejectedError], size: int
    ) -> None:
        """Note that records cannot be documents; what is known of them stays.

        The file is read again as long as they stand: it has fewer documents than it should.
        """
        listed, rest = errors[:MOST_LISTED], errors[MOST_LISTED:]
        if rest or not all(error.identified for error in errors):
            # Any of the file's documents that isn't met may be the older version.
            await self._ledger.mark_file_seen(self._collection, file.source)
        await self._ledger.mark_seen([error.source for error in listed])
        rejects = [(error.source, error.reason, error.hint) for error in listed]
        if rest:
            reason = f"{len(rest):,} more of its records; the first: {rest[0].reason}"
            rejects.append((file.source, reason, rest[0].hint))
        await self._ledger.reject_all(self._collection, rejects)
        for number, error in enumerate(errors):
            told = number < MOST_NAMED
            rejected = DocumentRejected(error.source, error.reason, error.hint, size, told)
            self._events.emit(rejected)
            if number % EVENTS_A_STEP == EVENTS_A_STEP - 1:
                await anyio.lowlevel.checkpoint()
        if len(errors) > MOST_NAMED:
            more = f"{len(errors) - MOST_NAMED:,} more of its records are rejected"
            self._events.emit(DocumentWarning(file.source, more))

    async def _touch(self, touched: Sequence[tuple[Document, int]]) -> None:
        if not touched:
            return
        documents, siblings = zip(*touched, strict=True)
        await self._ledger.refresh_documents(self._collection, documents, siblings)
        for document, among in touched:
            event = DocumentUnchanged(document.source, document.file.size // among)
            self._events.emit(event)
