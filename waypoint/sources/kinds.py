"""Sources: one entry each, by the scheme that a path begins with; and several roots as one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import cast

from waypoint.adapters import imported
from waypoint.models import Discovery, SourceFile, root_of
from waypoint.sources.port import DocumentReader, FileContent, Root, Source, SourceKind

SOURCES = {"": "waypoint.sources.local_folder:Local"}
"""By the scheme of the root's path (``s3`` of ``s3://bucket``): the class of its ``SourceKind``.
Whatever begins with none of these is a folder of this machine."""


def scheme_of(path: Path) -> str:
    """What a path begins with, of the schemes that there are; empty for a local one."""
    # A Path has made one slash of two.
    scheme, slash, _ = str(path).partition(":/")
    return scheme if slash and scheme in SOURCES else ""


def kind_of(path: Path) -> SourceKind:
    """The kind of source that a path is in."""
    return cast("SourceKind", imported(SOURCES[scheme_of(path)])())


def open_source(
    roots: Sequence[Root], category: str | None = None, *, ocr_counts: bool = False
) -> Source:
    """The roots, one after the other; arguments as ``SourceKind.open``."""
    return Roots(
        {
            root.name: kind_of(root.settings.knowledge_base_path).open(
                root, category, ocr_counts=ocr_counts
            )
            for root in roots
        }
    )


class Roots:
    """A ``Source`` of several, by the names of their roots."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self.readers = max(source.readers for source in sources.values())

    @property
    def scopes(self) -> list[str]:
        return [scope for source in self._sources.values() for scope in source.scopes]

    def check_readers(self) -> None:
        for source in self._sources.values():
            source.check_readers()

    def discover(self) -> Iterator[Discovery]:
        return chain.from_iterable([source.discover() for source in self._sources.values()])

    def takes_long(self, file: SourceFile) -> bool:
        return self._of(file.source).takes_long(file)

    def readers_of(self, source: str) -> Sequence[str]:
        return self._of(source).readers_of(source)

    def may_read_more(self, source: str, warnings: Sequence[str]) -> bool:
        return self._of(source).may_read_more(source, warnings)

    def is_edited(self, file: SourceFile, before: str) -> bool:
        return self._of(file.source).is_edited(file, before)

    def digest(self, file: SourceFile) -> str:
        return self._of(file.source).digest(file)

    def sidecar_digest(self, file: SourceFile) -> str:
        return self._of(file.source).sidecar_digest(file)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DocumentReader]:
        async with AsyncExitStack() as stack:
            readers = {
                name: await stack.enter_async_context(source.open())
                for name, source in self._sources.items()
            }
            yield _Readers(readers)

    def _of(self, source: str) -> Source:
        return self._sources[root_of(source)]


class _Readers:
    """A ``DocumentReader``: each root has its own, since settings may differ."""

    def __init__(self, readers: Mapping[str, DocumentReader]) -> None:
        self._readers = readers

    async def read(self, files: Sequence[SourceFile]) -> list[FileContent]:
        contents: list[FileContent] = []
        for name, some in groupby(files, key=lambda file: root_of(file.source)):
            contents += await self._readers[name].read(list(some))
        return contents
