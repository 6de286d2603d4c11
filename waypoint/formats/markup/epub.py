"""Books (EPUB): their chapters, in the order of reading."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote
from xml.etree import ElementTree
from zipfile import ZipFile

from waypoint.errors import DocumentRejectedError
from waypoint.formats.composing import TextBuilder
from waypoint.formats.markup.html import HtmlReader
from waypoint.formats.markup.zipped_xml import (
    Element,
    check_xml,
    local_name,
    open_zip,
    rejecting_damage,
)
from waypoint.formats.metadata.fields import FieldCollector
from waypoint.formats.registry import ParsedDocument

_COUNTED = (".xml", ".opf", ".xhtml", ".html", ".htm", ".ncx", ".svg")
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/html")
_FIELDS = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "description": "description",
    "publisher": "publisher",
    "date": "date",
    "language": "language",
    "identifier": "identifier",
}


class EpubReader:
    """Reads EPUB 2 and 3. Covers, images and tables of contents are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        builder = TextBuilder(source)
        with open_zip(source, data, _COUNTED) as archive, rejecting_damage(source):
            package_part = _package_part(source, archive)
            package = _xml(source, archive, package_part)
            chapters = _chapters(package, posixpath.dirname(package_part))
            _refuse_encrypted(source, archive, chapters)
            for number, chapter in enumerate(chapters, 1):
                _write(source, archive, chapter, number, builder)
        builder.require_text()
        return builder.parsed(_fields(package))


def _xml(source: str, archive: ZipFile, part: str) -> Element:
    content = archive.read(part)
    check_xml(source, content)
    return ElementTree.fromstring(content)  # noqa: S314 - it declares no entities


def _package_part(source: str, archive: ZipFile) -> str:
    for element in _xml(source, archive, _CONTAINER).iter():
        if local_name(element) == "rootfile" and element.get("full-path"):
            return element.get("full-path", "")
    raise KeyError("rootfile")


def _chapters(package: Element, folder: str) -> list[str]:
    """The parts that are read one after the other; a table of contents is none of them."""
    items = {
        element.get("id", ""): element
        for element in package.iter()
        if local_name(element) == "item"
    }
    chapters = []
    for reference in package.iter():
        item = items.get(reference.get("idref", "")) if local_name(reference) == "itemref" else None
        if item is None or item.get("media-type", "") not in _PAGES:
            continue
        if "nav" not in item.get("properties", "").split():
            name = posixpath.join(folder, unquote(item.get("href", "").partition("#")[0]))
            chapters.append(posixpath.normpath(name))
    return chapters


def _refuse_encrypted(source: str, archive: ZipFile, chapters: list[str]) -> None:
    """Fonts may be obfuscated; a book whose text is, is for its seller's programs alone."""
    if _ENCRYPTION not in archive.namelist():
        return
    for element in _xml(source, archive, _ENCRYPTION).iter():
        name = posixpath.normpath(unquote(element.get("URI", "")))
        if local_name(element) == "CipherReference" and name in chapters:
            raise DocumentRejectedError(
                source, "encrypted (DRM)", hint="get a copy without copy protection"
            )


def _write(source: str, archive: ZipFile, chapter: str, number: int, builder: TextBuilder) -> None:
    if chapter not in archive.namelist():
        builder.losses.add("parts that aren't there", "part", number)
        return
    content = archive.read(chapter)
    try:
        parsed = HtmlReader().read(source, content)
    except DocumentRejectedError:
        builder.losses.add("parts not read", "part", number)
        return
    if not parsed.text.strip() and (b"<img" in content or b"<image" in content):
        builder.losses.add("images without text", "part", number)
        return
    builder.embed(parsed)


def _fields(package: Element) -> FieldCollector:
    fields = FieldCollector()
    given: dict[str, list[str]] = {}
    for element in package.iter():
        name = _FIELDS.get(local_name(element))
        text = " ".join((element.text or "").split())
        if name and text and "purl.org/dc" in str(element.tag):
            given.setdefault(name, []).append(text)
    for name, texts in given.items():
        several = name in ("author", "subject")
        fields.add(name, ", ".join(texts) if several else texts[0])
    return fields
