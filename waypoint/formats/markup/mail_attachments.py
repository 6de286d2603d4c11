"""What comes with a message: files and messages, as documents of their own."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from email.message import Message
from typing import Any, cast

import orjson

from waypoint.errors import DocumentRejectedError, described
from waypoint.formats.losses import Losses
from waypoint.formats.metadata.fields import MAX_FIELDS
from waypoint.formats.registry import (
    ATTACHED_IMAGES,
    Parsed,
    ParsedDocument,
    ReaderRegistry,
    RejectedRecord,
    is_image,
)
from waypoint.formats.text.normalised import MAX_CHARACTERS, too_much_text
from waypoint.models import Metadata

MOST_ATTACHMENTS = 1_000
"""Of a message, with those of the messages within it."""
MOST_DEPTH = 8
"""Of messages within messages."""
_MOST_NAME = 120
_FORBIDDEN = frozenset('/\\#:*?"<>|')
"""What separates parts of a source, and what some system's file names can't have."""
_NO_READER = "attachments of formats that are not read"
_MESSAGES = ("message/rfc822", "message/global")
_SUFFIX = re.compile(r"\.\w{1,8}")
_TYPES = mimetypes.MimeTypes()
"""Python's own: what the machine says of types differs from one to the next."""

ReadMessage = Callable[[str, bytes, "Attachments"], Sequence[ParsedDocument | RejectedRecord]]


class Attachments:
    """Reads the attachments of one file, messages within messages too, within common bounds.

    Args:
        read_message: reads a message and what comes with it.
    """

    def __init__(self, registry: ReaderRegistry, read_message: ReadMessage) -> None:
        self._registry = registry
        self._read_message = read_message
        self._left = MOST_ATTACHMENTS
        self._characters = 0
        self._depth = 0

    def read(
        self, parts: Sequence[Message[Any, Any]], about: Metadata, losses: Losses
    ) -> list[ParsedDocument | RejectedRecord]:
        """Those of one message. ``about``: its header's fields, which each document has as well.

        What is of no format that is read is noted among the losses.
        """
        names: dict[str, int] = {}
        documents: list[ParsedDocument | RejectedRecord] = []
        for part in parts:
            name = _name(part) if _is_file_or_message(part) else ""
            if not self._registry.supports(name):
                losses.add(ATTACHED_IMAGES if is_image(name) else _NO_READER)
            elif self._left <= 0:
                losses.add(f"attachments beyond {MOST_ATTACHMENTS:,} not read")
            elif self._depth >= MOST_DEPTH and _is_mail(name):
                losses.add(f"messages within {MOST_DEPTH} others not read")
            else:
                self._left -= 1
                documents += self._documents(_made_distinct(name, names), part, about)
        return documents

    def _documents(
        self, name: str, part: Message[Any, Any], about: Metadata
    ) -> list[ParsedDocument | RejectedRecord]:
        try:
            data = _content(part)
            parsed = self._parsed(name, data)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except DocumentRejectedError as error:
            return [RejectedRecord("", error.reason, error.hint, attachment=name)]
        except BaseException as error:  # a panic of a parser in Rust is not an Exception
            reason = f"its reader failed: {described(error)}"
            return [RejectedRecord("", reason, attachment=name)]
        several = (parsed,) if isinstance(parsed, ParsedDocument) else parsed
        return [_attached(each, name, about, data) for each in several]

    def _parsed(self, name: str, data: bytes) -> Parsed:
        if _is_mail(name):
            self._depth += 1
            try:
                return self._read_message(name, data, self)
            finally:
                self._depth -= 1
        parsed = self._registry.reader_of(name).read(name, data)
        several = (parsed,) if isinstance(parsed, ParsedDocument) else parsed
        self._characters += sum(
            len(each.text) for each in several if isinstance(each, ParsedDocument)
        )
        if self._characters > MAX_CHARACTERS:
            raise too_much_text(name, MAX_CHARACTERS)
        return parsed


def _attached(
    part: ParsedDocument | RejectedRecord, name: str, about: Metadata, data: bytes
) -> ParsedDocument | RejectedRecord:
    path = f"{name}/{part.attachment}" if part.attachment else name
    if isinstance(part, RejectedRecord):
        return replace(part, attachment=path)
    metadata = {**(part.metadata or {})}
    if _is_mail(name):
        about = {}  # it says itself who wrote it, and what comes with it has that from there
    metadata |= {key: about[key] for key in about if key not in metadata}
    content = part.digest or hashlib.sha256(data).hexdigest()
    told = orjson.dumps([content, about], option=orjson.OPT_SORT_KEYS)
    return replace(
        part,
        attachment=path,
        metadata=dict(list(metadata.items())[:MAX_FIELDS]),
        digest=hashlib.sha256(told).hexdigest(),
    )


def _is_mail(name: str) -> bool:
    return name.lower().endswith(".eml")


def _content(part: Message[Any, Any]) -> bytes:
    """Raises DocumentRejectedError for a message within that cannot be written out."""
    if part.get_content_maintype() != "message":
        content = part.get_payload(decode=True)
        return content if isinstance(content, bytes) else b""
    try:
        return _inner(part).as_bytes()
    except Exception as error:  # as for names
        raise DocumentRejectedError("", "a message that is not of its form") from error


def _inner(part: Message[Any, Any]) -> Message[Any, Any]:
    return cast("Message[Any, Any]", part.get_payload(0))


def _is_file_or_message(part: Message[Any, Any]) -> bool:
    """Whether it is no report of a delivery, or the like."""
    return part.get_content_maintype() != "message" or part.get_content_type() in _MESSAGES


def _name(part: Message[Any, Any]) -> str:
    """A name of printable characters, with the suffix that its type has, if it has none."""
    is_message = part.get_content_type() in _MESSAGES
    try:
        given = part.get_filename() or (_inner(part)["subject"] if is_message else "")
    except Exception:  # the library fails in many ways on headers of no form
        given = ""
    text = unicodedata.normalize("NFC", str(given or ""))
    name = "".join("_" if each in _FORBIDDEN or not each.isprintable() else each for each in text)
    name = name.strip(" .")
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a name, not a path
    if is_message:
        stem, suffix = name if suffix.lower() != ".eml" else stem, ".eml"
    elif not _SUFFIX.fullmatch(suffix):
        stem, suffix = name, _TYPES.guess_extension(part.get_content_type()) or ""
    return f"{(stem or 'attachment')[: _MOST_NAME - len(suffix)]}{suffix}"


def _made_distinct(name: str, taken: dict[str, int]) -> str:
    """``a (2).pdf`` for the second ``a.pdf``; ``taken``: how often each name was given."""
    (stem, suffix), distinct = os.path.splitext(name), name  # noqa: PTH122 - as above
    while (key := distinct.casefold()) in taken:
        taken[name.casefold()] += 1
        distinct = f"{stem} ({taken[name.casefold()]}){suffix}"
    taken[key] = 1
    return distinct
