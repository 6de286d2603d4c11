"""Word documents (DOCX): headings, paragraphs, lists and tables, as Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Container
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

# Kept, BSD, without other packages: what Word's styles and numberings mean; see docs/formats.md.
import mammoth

from waypoint.errors import DocumentRejectedError
from waypoint.sources.html import html_to_text
from waypoint.sources.markdown import find_structure
from waypoint.sources.metadata import FieldCollector
from waypoint.sources.office_zip import XML_SUFFIXES, damaged, open_office_zip
from waypoint.sources.registry import ParsedDocument
from waypoint.sources.text import normalise_text

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name^='toc '] => !
p[style-name^='TOC '] => !
"""
"""Beside mammoth's own: the title is a heading, and a table of contents says nothing new."""

_PROPERTIES = "docProps/core.xml"
_FIELDS = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "description": "description",
    "keywords": "keywords",
    "category": "document_category",
    "language": "language",
}


_LOOKS = re.compile(
    r"stylesWithEffects|fontTable|[sS]ettings|comments|/theme/|customXml/item|/glossary/"
)
"""Parts that mammoth doesn't ask for, some as large as the document, and comments."""
_STYLES_PART = "word/styles.xml"
_MAX_KEPT_BYTES = 1024 * 1024
"""Of a styles part: four of them are kept, however large a document makes them."""
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NAMES_A_STYLE = tuple(
    f"{_WORD}{name}" for name in ("pStyle", "rStyle", "tblStyle", "numStyleLink")
)


class DocxReader:
    """Reads DOCX. Comments, deleted text, images, page headers and footers are left out."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        with open_office_zip(source, data) as archive:
            try:
                html = mammoth.convert_to_html(
                    _lean(archive), style_map=_STYLES, convert_image=_no_image
                ).value
                fields = _properties(archive)
            except RecursionError as error:
                raise DocumentRejectedError(
                    source, "nested too deeply", hint="save it anew, or as PDF"
                ) from error
            except Exception as error:  # anything may be missing where it is looked for
                raise damaged(source, error) from error
        text = normalise_text(html_to_text(source, html, whole=True), source=source)
        structure = find_structure(text)
        return ParsedDocument(
            text=text,
            headings=structure.headings,
            blocks=structure.blocks,
            title=fields.title,
            metadata=fields.metadata,
            warnings=tuple(fields.warnings),
        )


def _lean(archive: ZipFile) -> io.BytesIO:
    """The archive without its media, and without how things look.

    mammoth parses all of it with minidom, which takes 0.3 s for a template's styles alone; so a
    short document takes 0.02 s. In bold and italics there is nothing to be found.
    """
    lean = io.BytesIO()
    styles = None
    used: set[str | None] = set()
    with ZipFile(lean, "w") as target:
        for name in archive.namelist():
            if not name.endswith(XML_SUFFIXES) or _LOOKS.search(name):
                continue
            content = archive.read(name)
            if name == _STYLES_PART:
                styles = content
                continue
            if name.startswith("word/") and name.endswith(".xml"):
                # open_office_zip has made sure that it declares no entities.
                root = ElementTree.fromstring(content)  # noqa: S314
                for run in root.iter(f"{_WORD}r"):
                    _keep(run, lambda tag: tag != "rPr")
                for tag in _NAMES_A_STYLE:
                    used.update(element.get(f"{_WORD}val") for element in root.iter(tag))
                content = ElementTree.tostring(root)
            target.writestr(name, content)
        if styles is not None:
            target.writestr(_STYLES_PART, _without_looks(styles, used))
    lean.seek(0)
    return lean


def _without_looks(styles: bytes, used: Container[str | None]) -> bytes:
    """Of the styles that are used: their names, and which list they number."""
    find = _lean_styles if len(styles) <= _MAX_KEPT_BYTES else _lean_styles.__wrapped__
    lean = b"".join(style for name, style in find(styles) if name in used)
    return b'<w:styles xmlns:w="%s">%s</w:styles>' % (_WORD[1:-1].encode(), lean)


@lru_cache(maxsize=4)
def _lean_styles(styles: bytes) -> list[tuple[str | None, bytes]]:
    """Each style's id and lean XML; kept, as all documents of one template have the same part."""
    root = ElementTree.fromstring(styles)  # noqa: S314
    lean = []
    for style in root.iter(f"{_WORD}style"):
        _keep(style, lambda tag: tag in ("name", "pPr"))
        for properties in style:
            _keep(properties, lambda tag: tag == "numPr")
        lean.append((style.get(f"{_WORD}styleId"), ElementTree.tostring(style)))
    return lean


def _keep(parent: ElementTree.Element, wanted: Callable[[str], bool]) -> None:
    for child in list(parent):
        if not wanted(child.tag.removeprefix(_WORD)):
            parent.remove(child)


def _no_image(_image: Any) -> list[Any]:
    return []


def _properties(archive: ZipFile) -> FieldCollector:
    fields = FieldCollector()
    if _PROPERTIES in archive.namelist():
        root = ElementTree.fromstring(archive.read(_PROPERTIES))  # noqa: S314
        for element in root:
            name = _FIELDS.get(str(element.tag).rpartition("}")[2])
            if name and element.text:
                fields.add(name, element.text)
    return fields
