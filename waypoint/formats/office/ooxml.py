"""The parts of an Office Open XML package (DOCX, PPTX), and how they refer to each other."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

from waypoint.formats.markup.zipped_xml import MAX_XML_BYTES, Element, local_name
from waypoint.formats.metadata.fields import FieldCollector

_OFFICE: Final = "http://schemas.openxmlformats.org"
W: Final = f"{{{_OFFICE}/wordprocessingml/2006/main}}"
W14: Final = "{http://schemas.microsoft.com/office/word/2010/wordml}"
A: Final = f"{{{_OFFICE}/drawingml/2006/main}}"
P: Final = f"{{{_OFFICE}/presentationml/2006/main}}"
M: Final = f"{{{_OFFICE}/officeDocument/2006/math}}"
R: Final = f"{{{_OFFICE}/officeDocument/2006/relationships}}"
DIAGRAM: Final = f"{{{_OFFICE}/drawingml/2006/diagram}}"
CHART_DATA: Final = f"{_OFFICE}/drawingml/2006/chart"
MC: Final = f"{{{_OFFICE}/markup-compatibility/2006}}"

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
"""Namespaces of the strict variant of the format, which differ in their names alone."""
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"
_FIELDS = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "description": "description",
    "keywords": "keywords",
    "category": "document_category",
    "language": "language",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """What an id in a part refers to."""

    kind: str
    """The last word of its type: ``image``, ``header``, ``aFChunk``."""
    target: str
    """The name of a part of the package, or an address outside of it."""
    external: bool


class Package:
    """A package that ``open_office_zip`` has found harmless."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self._archive.namelist())

    def xml(self, name: str) -> Element:
        """The root of a part. Raises KeyError if there is none of that name."""
        # open_office_zip has made sure that it declares no entities.
        return ElementTree.fromstring(as_transitional(self.bytes(name)))  # noqa: S314

    def bytes(self, name: str, most: int = MAX_XML_BYTES) -> bytes:
        """Raises KeyError if there is no part of that name, BadZipFile if it is larger."""
        if self._archive.getinfo(name).file_size > most:
            raise BadZipFile(name)
        return self._archive.read(name)

    def relations(self, part: str = "") -> dict[str, Relation]:
        """By id; those of the package itself without a part."""
        folder, _, name = part.rpartition("/")
        relations = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
        if relations not in self.names:
            return {}
        return dict(_relations(folder, self.xml(relations)))

    def main_part(self) -> str:
        """The part that the package is about. Raises KeyError if it names none."""
        for relation in self.relations().values():
            if relation.kind == "officeDocument" and relation.target in self.names:
                return relation.target
        raise KeyError("officeDocument")

    def properties(self) -> FieldCollector:
        """Title, author and the like."""
        fields = FieldCollector()
        if "docProps/core.xml" in self.names:
            for element in self.xml("docProps/core.xml"):
                name = _FIELDS.get(local_name(element))
                if name and element.text:
                    fields.add(name, element.text)
        return fields


def as_transitional(content: bytes) -> bytes:
    return _STRICT.sub(_TRANSITIONAL, content) if b"purl.oclc.org" in content else content


def _relations(folder: str, root: Element) -> Iterator[tuple[str, Relation]]:
    for each in root:
        target = each.get("Target", "")
        external = each.get("TargetMode") == "External"
        if not external:
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        kind = each.get("Type", "").rpartition("/")[2]
        yield each.get("Id", ""), Relation(kind, target, external)


def chosen(alternatives: Element) -> list[Element]:
    """Of ``mc:AlternateContent``, the content of the first alternative that says something.

    A program shows one of them: the first that it understands. All of them are the same thing.
    """
    for alternative in alternatives:
        if any(_says_something(element) for element in alternative.iter()):
            return list(alternative)
    return list(alternatives[0]) if len(alternatives) else []


def _says_something(element: Element) -> bool:
    if local_name(element) in ("textpath", "relIds", "chart"):
        return True
    return local_name(element) == "t" and bool((element.text or "").strip())


def is_on(element: Element | None, attribute: str = f"{W}val") -> bool:
    """Whether a property that may be turned on or off is on; not if it isn't there."""
    return element is not None and element.get(attribute, "1") not in ("0", "false", "off")
