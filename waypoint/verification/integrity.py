"""Integrity: everything that can be known without a call to the embedding service.

Folder and ledger are read into the inventory, then the collection's ids, then its records, a
page at a time: each record is held against the rules and against its committed vector, and
what is left of it in the inventory are a few numbers. At last they are compared as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from waypoint.errors import LedgerDamagedError, StoreDamagedError
from waypoint.storage.port import StoredRecords, VectorStore
from waypoint.verification import compare as comparing
from waypoint.verification.checks import IN_GROUP, INTEGRITY, CheckResult, failed, passed, skipped
from waypoint.verification.examine import RecordExaminer
from waypoint.verification.index_check import check_index
from waypoint.verification.inventory import Inventory
from waypoint.verification.ports import Folder, LedgerView

_NEED_VECTORS = frozenset({"vectors", "committed"})
_NEED_FOLDER = frozenset({"sources", "orphans", "stale"})
_NEED_LEDGER = frozenset({"sources", "ledger", "committed", "stale"})
_NEED_REST = frozenset({"sources", "orphans", "sequence", "ids", "ledger", "committed", "stale"})
"""Checks that compare what a running ingestion is just changing."""
_NEED_RECORDS = frozenset(IN_GROUP[INTEGRITY]) - {"collection", "recipe", "index", "stale"}

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is; 0 for not known."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified, and what of the world around it can be had.

    ``no_ledger``, ``no_folder`` say why there is none; ``running`` names an ingestion that
    goes on.
    """

    count: int
    dimensions: int
    differences: Sequence[str]
    """Between the collection's recipe and the settings'."""
    recipe: str
    """The collection's recipe, for people."""
    disagreement: str = ""
    """Between the ledger and the collection, of the collection as a whole."""
    no_ledger: str = ""
    broken_ledger: str = ""
    """What is broken about a ledger that is there."""
    no_folder: str = ""
    running: str = ""


@dataclass(slots=True)
class Integrity:
    """The checks of one collection."""

    inventory: Inventory
    collection: VectorStore
    subject: Subject
    ledger: LedgerView | None
    folder: Folder | None
    progress: Progress = field(default=lambda _what, _done, _total: None)

    async def run(self, wanted: Container[str]) -> list[CheckResult]:
        """Make those of the checks that are wanted, in their order.

        Raises:
            StoreUnavailableError: the store went away.
            LedgerError: the ledger cannot be read.
        """
        subject = self.subject
        names = [name for name in IN_GROUP[INTEGRITY] if name in wanted]
        skips = {name: reason for name in names if (reason := self._obstacle(name))}
        to_do = [name for name in names if name not in skips]
        done: dict[str, CheckResult] = {}
        try:
            await self._look(to_do)
            for name in to_do:
                done[name] = await self._check(name)
        except StoreDamagedError as error:
            done["collection"] = failed("collection", error.message, found=1)
            unread = "the collection cannot be read"
            done |= {name: skipped(name, unread) for name in to_do if name not in done}
            names = ["collection", *(name for name in names if name != "collection")]
        except LedgerDamagedError as error:
            done["ledger"] = failed("ledger", error.message, found=1)
            unread = "the ledger cannot be read"
            done |= {name: skipped(name, unread) for name in to_do if name not in done}
            names = [*names, *(name for name in ("ledger",) if name not in names)]
        if subject.broken_ledger and "ledger" in skips:
            done["ledger"] = failed("ledger", subject.broken_ledger, found=1)
            del skips["ledger"]
        done |= {name: skipped(name, reason) for name, reason in skips.items()}
        return [done[name] for name in names]

    def _obstacle(self, name: str) -> str:
        subject = self.subject
        if subject.running and name in _NEED_REST:
            return f"an ingestion goes on ({subject.running}): verify again when it has ended"
        if self.ledger is None and name in _NEED_LEDGER:
            return subject.broken_ledger or subject.no_ledger
        if self.folder is None and name in _NEED_FOLDER:
            return subject.no_folder
        return ""

    # -- looking ---------------------------------------------------------------------------

    async def _look(self, names: Sequence[str]) -> None:
        if self.folder is not None and not _NEED_FOLDER.isdisjoint(names):
            self.progress("reading the folder", 0, 0)
            walk = await to_thread.run_sync(self.folder.discover)
            await to_thread.run_sync(self.inventory.add_files, walk)
        if self.ledger is not None and not self.subject.running:
            await self._read_ledger(self.ledger)
        if not _NEED_RECORDS.isdisjoint(names) or "index" in names:
            await self._read_ids()
        if not _NEED_RECORDS.isdisjoint(names):
            await self._read_records(vectors=not _NEED_VECTORS.isdisjoint(names))
            await to_thread.run_sync(self.inventory.settle)

    async def _read_ledger(self, ledger: LedgerView) -> None:
        inventory = self.inventory
        async for documents in ledger.documents():
            await to_thread.run_sync(inventory.add_documents, documents)
            for document in documents:
                # Of an incomplete one the ledger has an older version: its chunks are not known.
                if document.complete:
                    async for chunks in ledger.chunks(document):
                        await to_thread.run_sync(inventory.add_expected, chunks)
                        self.progress("reading the ledger", 0, 0)
        async for rejects in ledger.rejects():
            await to_thread.run_sync(inventory.add_rejects, rejects)

    async def _read_ids(self) -> None:
        listed = 0
        async for ids in self.collection.ids():
            await to_thread.run_sync(self.inventory.add_ids, ids)
            listed += len(ids)
            self.progress("listing ids", listed, self.subject.count)

    async def _read_records(self, *, vectors: bool) -> None:
        """One page is being read from Chroma while the one before is looked at."""
        send, receive = anyio.create_memory_object_stream[StoredRecords](0)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(partial(self._fetch, send, vectors=vectors))
                await self._take(receive)
        except BaseExceptionGroup as errors:
            raise _cause(errors) from errors

    async def _fetch(self, pages: MemoryObjectSendStream[StoredRecords], *, vectors: bool) -> None:
        position = 0
        async with pages:
            while True:
                ids, position = await to_thread.run_sync(self.inventory.ids_page, position)
                if not ids:
                    return
                await pages.send(await self.collection.records(ids, vectors=vectors))

    async def _take(self, pages: MemoryObjectReceiveStream[StoredRecords]) -> None:
        ledger = None if self.subject.running else self.ledger
        examiner = RecordExaminer(self.inventory, ledger, self.subject.dimensions)
        seen = 0
        async with pages:
            async for page in pages:
                await examiner.look_at(page)
                seen += len(page.ids)
                self.progress("reading chunks", seen, self.subject.count)

    # -- checks ----------------------------------------------------------------------------

    async def _check(self, name: str) -> CheckResult:
        inventory, subject = self.inventory, self.subject
        if name == "index":
            return await check_index(inventory, self.collection, subject.dimensions)
        if name == "collection":
            return passed("collection", f"{subject.count:,} chunks")
        if name == "recipe":
            if subject.differences:
                wrong = "; ".join(subject.differences)
                return failed("recipe", wrong, found=len(subject.differences))
            return passed("recipe", subject.recipe)
        checks: dict[str, Callable[[], CheckResult]] = {
            "sources": partial(comparing.check_sources, inventory),
            "orphans": partial(comparing.check_orphans, inventory),
            "sequence": partial(comparing.check_sequence, inventory),
            "ids": partial(comparing.check_ids, inventory),
            "ledger": partial(comparing.check_ledger, inventory, subject.disagreement),
            "contents": partial(comparing.count_contents, inventory),
        }
        if name == "stale":
            assert self.folder is not None, "without a folder this check is skipped"
            checks[name] = partial(comparing.check_stale, inventory, self.folder)
        check = checks.get(name) or partial(self._count, name)
        return await to_thread.run_sync(check)

    def _count(self, name: str) -> CheckResult:
        """A check of single records: what it found is in the inventory already."""
        read = self.inventory.value("SELECT count(*) FROM stored WHERE read")
        return comparing.by_findings(self.inventory, name, f"{read:,} chunks", "{found} wrong")


def _cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of them that isn't only the other side's stream having closed."""
    leaves = list(_leaves(errors))
    causes = [leaf for leaf in leaves if not isinstance(leaf, anyio.BrokenResourceError)]
    return (causes or leaves)[0]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
