"""Messages (EML) and web archives (MHTML): who wrote what to whom, and when."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator, Sequence
from email.message import EmailMessage, Message
from typing import Any, cast

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import TextBuilder
from waypoint.formats.losses import Losses
from waypoint.formats.markup.html import HtmlReader
from waypoint.formats.markup.mail_attachments import Attachments
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.registry import (
    ATTACHMENTS,
    MESSAGES_WITHIN,
    Parsed,
    ParsedDocument,
    ReaderOptions,
    RejectedRecord,
    default_registry,
)
from waypoint.formats.text.normalised import read_text

_SHOWN = ("from", "to", "cc", "date")
MOST_PARTS = 1_000
_TEXTS = ("text/plain", "text/html")
_NO_CONTENT = frozenset(
    {
        "text/css",
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    }
)
_RICHER = 2
"""A text this many times as long as the plain one says what that doesn't."""


class MailReader:
    """Reads the text of a message.

    Attachments and forwarded messages are told, or documents of their own behind the message's.
    """

    def __init__(self, options: ReaderOptions | None = None) -> None:
        self._options = options or ReaderOptions()

    def read(self, source: str, data: bytes) -> Parsed:
        attachments = None
        if self._options.attachments == "read" and not _is_archive(source):
            attachments = Attachments(default_registry(self._options), _read)
        message, *attached = _read(source, data, attachments)
        return (message, *attached) if attached else cast("ParsedDocument", message)


def _is_archive(source: str) -> bool:
    """Whether it is a web page, whose parts are images and styles."""
    return source.lower().endswith((".mht", ".mhtml"))


def _read(
    source: str, data: bytes, attachments: Attachments | None
) -> Sequence[ParsedDocument | RejectedRecord]:
    """The message; behind it, what ``attachments`` reads of what comes with it.

    Raises DocumentRejectedError.
    """
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        parts = list(_parts(source, message))
    except RecursionError as error:
        raise _rejection(source, "nested too deeply") from error
    if not message.keys():
        raise _rejection(source, "not a message: it has no header")
    builder = TextBuilder(source)
    fields = FieldCollector()
    if not _is_archive(source):
        _write_header(message, builder, fields)
    texts, attached = _sorted(parts, builder.losses)
    body = _body(source, texts)
    if body is not None:
        builder.embed(body)
        if not fields.title:
            fields.add("title", body.title)
    further: Sequence[ParsedDocument | RejectedRecord] = ()
    if attachments is not None:
        further = attachments.read(attached, fields.metadata, builder.losses)
    else:
        for part in attached:
            is_message = part.get_content_maintype() == "message"
            builder.losses.add(MESSAGES_WITHIN if is_message else ATTACHMENTS)
    return builder.parsed(fields), *further


def _rejection(source: str, reason: str) -> DocumentRejectedError:
    return DocumentRejectedError(source, reason, hint="save the message anew, or as text")


def _parts(source: str, message: Message[Any, Any]) -> Iterator[Message[Any, Any]]:
    """Its leaves, but not those of messages within it."""
    waiting = [message]
    met = 0
    while waiting:
        part = waiting.pop()
        met += 1
        if met > MOST_PARTS:
            raise _rejection(source, f"a message of more than {MOST_PARTS:,} parts")
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(cast("list[Message[Any, Any]]", part.get_payload())))
        else:
            yield part


def _write_header(message: EmailMessage, builder: TextBuilder, fields: FieldCollector) -> None:
    shown = []
    for name in _SHOWN:
        value = _header(message, name, builder)
        fields.add(name, value)
        if value:
            shown.append(f"{name.capitalize()}: {value}")
    subject = _header(message, "subject", builder)
    fields.add("title", subject)
    fields.add("subject", subject)
    builder.heading(1, subject)
    builder.paragraph("\n".join(shown))


def _header(message: EmailMessage, name: str, builder: TextBuilder) -> str:
    try:
        header = message[name]
        if header is None:
            return ""
        when = getattr(header, "datetime", None)
        text = when.isoformat() if name == "date" and when else " ".join(str(header).split())
        text.encode()
    except Exception:  # the library fails in many ways on headers of no form
        builder.losses.add("header fields that are not of their form")
        return ""
    return text


def _sorted(
    parts: Sequence[Message[Any, Any]], losses: Losses
) -> tuple[list[Message[Any, Any]], list[Message[Any, Any]]]:
    """The texts of the message, and what is attached to it; images within it are losses."""
    texts: list[Message[Any, Any]] = []
    attached: list[Message[Any, Any]] = []
    for part in parts:
        kind = part.get_content_type()
        named = part.get_content_disposition() == "attachment" or part.get_filename()
        if kind in _NO_CONTENT:
            continue
        if kind.startswith("image/") and (part.get("Content-ID") or not named):
            losses.add("images not read")
        elif not named and (kind in _TEXTS or kind.startswith("multipart/")):
            # A message of several parts that doesn't say where they begin is one text.
            texts.append(part)
        else:
            attached.append(part)
    return texts, attached


def _body(source: str, parts: Sequence[Message[Any, Any]]) -> ParsedDocument | None:
    """The plain text, or the page where there is none or it says more."""
    pages = [_page(source, part) for part in parts if part.get_content_type() == "text/html"]
    texts = [_text(source, part) for part in parts if part.get_content_type() != "text/html"]
    plain, page = _joined(source, texts), _joined(source, pages)
    if page is not None and (plain is None or len(page.text) > _RICHER * len(plain.text)):
        return page
    return plain


def _joined(source: str, documents: list[ParsedDocument]) -> ParsedDocument | None:
    if len(documents) < 2:
        return documents[0] if documents else None
    builder = TextBuilder(source)
    for each in documents:
        builder.embed(each)
    return builder.parsed()


def _text(source: str, part: Message[Any, Any]) -> ParsedDocument:
    decoded = read_text(source, _content(part), declared=part.get_content_charset() or "")
    return ParsedDocument(decoded.text.strip("\n"), warnings=decoded.warnings)


def _page(source: str, part: Message[Any, Any]) -> ParsedDocument:
    content = _content(part)
    charset = part.get_content_charset()
    if charset:
        # The message says it, whatever the page says.
        content = read_text(source, content, declared=charset).text.encode()
        content = b"\xef\xbb\xbf" + content
    return HtmlReader().read(source, content)


def _content(part: Message[Any, Any]) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
