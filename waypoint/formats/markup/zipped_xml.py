"""The ZIP archives of XML that office documents and books are, opened only if they are harmless.

A small archive can hold gigabytes of zeros, and a small XML file can define entities that expand
to as much. Neither is a thing that office programs write: ECMA-376 forbids both entities and
compression other than deflate.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from waypoint.errors import DocumentRejectedError

Element = ElementTree.Element

MAX_PARTS = 10_000
MAX_XML_BYTES = 64 * 1024 * 1024
"""All XML parts together, unpacked: some thousand pages. Parsed they take twenty times as much."""

XML_SUFFIXES = (".xml", ".rels")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_ANEW = "open it in an office program and save it anew"


def open_office_zip(source: str, data: bytes, *, most_xml: int = MAX_XML_BYTES) -> ZipFile:
    """The archive, of which each XML part was unpacked once and found well-formed in its start.

    ``most_xml``: bytes of all XML parts together, unpacked.
    Raises DocumentRejectedError.
    """
    archive = open_zip(source, data, XML_SUFFIXES, most_xml)
    try:
        for part in archive.infolist():
            # Some programs write parts that say nothing as empty ones.
            if part.file_size and part.filename.endswith(XML_SUFFIXES):
                check_xml(source, _content(archive, part))
    except DocumentRejectedError:
        raise
    except Exception as error:  # zlib and expat have many ways to fail
        raise damaged(source, error) from error
    return archive


def open_zip(
    source: str, data: bytes, suffixes: tuple[str, ...], most_bytes: int = MAX_XML_BYTES
) -> ZipFile:
    """The archive, whose parts with these suffixes unpack to at most so many bytes together.

    Raises DocumentRejectedError.
    """
    if data.startswith(OLE_MAGIC):
        raise DocumentRejectedError(
            source,
            "encrypted with a password, or in the format of before 2007",
            hint="save a copy without password, in the present format",
        )
    try:
        archive = ZipFile(io.BytesIO(data))
    except Exception as error:  # zipfile has many ways to fail
        raise damaged(source, error) from error
    _check_sizes(source, archive.infolist(), suffixes, most_bytes)
    return archive


@contextmanager
def rejecting_damage(source: str) -> Iterator[None]:
    """Make a reject of whatever a reader stumbles over: anything may be missing or too deep."""
    try:
        yield
    except DocumentRejectedError:
        raise
    except RecursionError as error:
        raise DocumentRejectedError(
            source, "nested too deeply", hint="save it anew, or as PDF"
        ) from error
    except Exception as error:
        raise damaged(source, error) from error


def damaged(source: str, error: BaseException) -> DocumentRejectedError:
    """The reject of an archive that a parser stumbled over.

    What the parser says is not told: it may quote what stands there.
    """
    told = type(error).__name__
    if isinstance(error, expat.ExpatError | ElementTree.ParseError):
        told = f"{expat.ErrorString(error.code)} in a part"
    return DocumentRejectedError(
        source, f"damaged, or not what its suffix says ({told})", hint=_SAVE_ANEW
    )


def _check_sizes(
    source: str, parts: list[ZipInfo], suffixes: tuple[str, ...], most_xml: int
) -> None:
    """By what the archive says; zipfile unpacks no more of a part than that."""
    xml = sum(part.file_size for part in parts if part.filename.lower().endswith(suffixes))
    if len(parts) > MAX_PARTS:
        problem = f"an archive of {len(parts):,} parts, at most {MAX_PARTS:,}"
    elif xml > most_xml:
        problem = f"{xml:,} bytes of XML when unpacked, at most {most_xml:,}"
    elif len({part.filename for part in parts}) < len(parts):
        problem = "an archive with two parts of one name"
    elif any(part.flag_bits & 1 for part in parts):
        problem = "an encrypted archive"
    elif any(part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for part in parts):
        problem = "an archive packed in a way that office programs don't use"
    else:
        return
    raise DocumentRejectedError(source, problem, hint=_SAVE_ANEW)


class _RootElementError(Exception):
    """The root has begun: behind it no document type can be declared."""


def _content(archive: ZipFile, part: ZipInfo) -> bytes:
    with archive.open(part) as stream:
        content = stream.read(part.file_size + 1)
    if len(content) != part.file_size:
        raise BadZipFile("another size than the archive says")
    return content


def check_xml(source: str, content: bytes, *, may_name_type: bool = False) -> None:
    """Raises DocumentRejectedError for a document type, which may define entities; ExpatError
    if it isn't XML up to its root.

    ``may_name_type``: one that only names where it is defined, which nobody looks at, is allowed.
    """

    def refuse(_name: str, _system: object, _public: object, defines: int) -> None:
        if may_name_type and not defines:
            return
        raise DocumentRejectedError(
            source, "a document type is declared in a part of it", hint=_SAVE_ANEW
        )

    def stop(*_: object) -> None:
        raise _RootElementError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        parser.Parse(content, True)
    except _RootElementError:
        return


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def whole_number(text: str | None, default: int) -> int:
    """A number of an attribute."""
    try:
        return int(text or "")
    except ValueError:
        return default
