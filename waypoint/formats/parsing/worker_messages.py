"""What is said between a run and its parsing processes: JSON, so that nothing said can run.

A request is a line; a reply has its length before it, as eight bytes, the highest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import orjson

from waypoint.errors import RecordRejectedError
from waypoint.formats.registry import FORMATS, Format, ReaderOptions, ReaderRegistry
from waypoint.formats.sidecars import SidecarFields
from waypoint.models import Block, Document, Heading, Place, SourceFile

LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """How a parsing process reads, and what it may take."""

    max_file_size: int
    """Bytes."""
    timeout: float
    """Seconds for one file."""
    memory: int
    """Bytes that the process may allocate."""
    options: ReaderOptions = field(default_factory=ReaderOptions)
    formats: Sequence[Format] = FORMATS

    def seconds_for(self, source: str) -> float:
        """Seconds for this file."""
        by_ocr = self.registry().may_take_ocr(source)
        return self.timeout + (self.options.ocr_timeout if by_ocr else 0.0)

    def registry(self) -> ReaderRegistry:
        return ReaderRegistry(self.formats, self.options)

    def encode(self) -> bytes:
        """As a line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> WorkerSetup:
        values = json.loads(line)
        options = ReaderOptions(**values.pop("options"))
        formats = [
            Format(**{**each, "suffixes": tuple(each["suffixes"])})
            for each in values.pop("formats")
        ]
        return cls(**values, options=options, formats=formats)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file that cannot be read."""

    reason: str
    hint: str
    out_of_memory: bool


def encode_request(file: SourceFile, given: SidecarFields) -> bytes:
    """As a line. The folder above the knowledge base may have any name: it is escaped."""
    asked = {**asdict(file), "path": str(file.path), "sidecars": ()}
    return json.dumps({"file": asked, "given": asdict(given)}).encode() + b"\n"


def decode_request(line: bytes) -> tuple[SourceFile, SidecarFields]:
    values = json.loads(line)
    file, given = values["file"], values["given"]
    return (
        SourceFile(**{**file, "path": Path(file["path"]), "sidecars": ()}),
        SidecarFields(**{**given, "warnings": tuple(given["warnings"])}),
    )


def encode_documents(documents: Sequence[Document | RecordRejectedError]) -> bytes:
    """With its length. Raises TypeError for a text that is not Unicode."""
    file = next(each.file for each in documents if isinstance(each, Document))
    status = [file.size, file.version]
    return _framed({"status": status, "documents": list(map(_values, documents))})


def _values(document: Document | RecordRejectedError) -> dict[str, Any]:
    if isinstance(document, RecordRejectedError):
        names: Iterable[str] = ("source", "reason", "hint", "identified")
    else:
        names = (each.name for each in fields(document) if each.name != "file")
    return {name: getattr(document, name) for name in names}


def encode_rejection(rejection: Rejection) -> bytes:
    """With its length."""
    return _framed(asdict(rejection))


def decode_reply(
    reply: bytes, file: SourceFile
) -> list[Document | RecordRejectedError] | Rejection:
    """The documents of ``file``, or why it cannot be read."""
    values: dict[str, Any] = orjson.loads(reply)
    if "documents" not in values:
        return Rejection(**values)
    size, version = values["status"]
    read = replace(file, size=size, version=version)
    return [_document(read, each) for each in values["documents"]]


def _document(file: SourceFile, values: dict[str, Any]) -> Document | RecordRejectedError:
    if "reason" in values:
        return RecordRejectedError(values.pop("source"), values.pop("reason"), **values)
    values["headings"] = tuple(Heading(**each) for each in values["headings"])
    values["blocks"] = tuple(Block(**each) for each in values["blocks"])
    values["places"] = tuple(Place(**each) for each in values["places"])
    values["pages"] = tuple(values["pages"])
    values["warnings"] = tuple(values["warnings"])
    return Document(file=file, **values)


def _framed(values: dict[str, Any]) -> bytes:
    reply = orjson.dumps(values)
    return len(reply).to_bytes(LENGTH_BYTES, "big") + reply
