"""Word documents."""

from __future__ import annotations

import zipfile

import pytest

from tests.support.office_files import Parts, changed_zip, docx_file, pdf_file
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.markup import zipped_xml

DOCX = docx_file()


def test_headings_lists_and_tables_are_markdown() -> None:
    """A table is a block with its header; bold and the like are left out."""
    document = read_one("a.docx", DOCX)
    assert document.text == (
        "# The dome\n\nIt turns slowly and größer.\n\n## Closing it\n\n"
        "1. Park the telescope\n2. Turn the key\n\n- gloves\n- lamp\n\n"
        "| part | weight |\n| --- | --- |\n| shutter | 80 kg |\n| a\\|b | 3 kg |\n\n"
        "After the table."
    )
    assert [(each.level, each.title) for each in document.headings] == [
        (1, "The dome"),
        (2, "Closing it"),
    ]
    (table,) = document.blocks
    header = document.text[table.start : table.header_end]
    assert header == "| part | weight |\n| --- | --- |\n"
    assert document.text[table.end :] == "\n\nAfter the table."
    assert_sound(document)


def test_properties_are_title_and_metadata() -> None:
    """The language is the one field that has Waypoint's own name."""
    document = read_one("a.docx", DOCX)
    assert document.title == "Dome manual"
    assert document.metadata is not None
    assert document.metadata["author"] == "Ada Quill"
    assert document.metadata["language"] == "en-GB"


def with_part(name: str, content: bytes) -> bytes:
    def change(parts: Parts) -> None:
        parts[name] = content

    return changed_zip(DOCX, change)


def without_part(name: str) -> bytes:
    def change(parts: Parts) -> None:
        del parts[name]

    return changed_zip(DOCX, change)


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    + b"]><x>&j;</x>"
)
NAMESPACE = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DEEP = b'<w:document xmlns:w="%s">' % NAMESPACE + b"<w:p>" * 100_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (b"text", "damaged"),
        (DOCX[: len(DOCX) // 2], "damaged"),
        (pdf_file(["x"]), "damaged"),
        (with_part("word/document.xml", b"<w:document"), "damaged"),
        (with_part("word/document.xml", b""), "damaged"),
        (without_part("word/document.xml"), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "password"),
        (with_part("word/document.xml", LAUGHS), "document type is declared"),
        (with_part("docProps/core.xml", LAUGHS), "document type is declared"),
        (with_part("word/styles.xml", LAUGHS.decode().encode("utf-16")), "document type"),
        (with_part("word/document.xml", DEEP), "damaged"),
        (
            with_part("word/document.xml", DEEP + b"</w:p>" * 100_000 + b"</w:document>"),
            "nested too deeply",
        ),
        (changed_zip(DOCX, lambda parts: None, packing=zipfile.ZIP_BZIP2), "packed in a way"),
    ],
)
def test_damaged_and_hostile_archives_are_rejects(data: bytes, reason: str) -> None:
    """Each for its own reason."""
    assert reason in reject_of("a.docx", data).reason


def test_a_zip_bomb_is_refused_by_what_it_unpacks_to() -> None:
    """Before anything of it is unpacked: 70 MB of spaces pack into 70 kB."""
    data = with_part("word/document.xml", b" " * 70_000_000)
    assert len(data) < 200_000
    assert "bytes of XML when unpacked" in reject_of("a.docx", data).reason


def test_a_zip_that_lies_about_its_sizes_is_unpacked_no_further() -> None:
    """The size it gives is that up to which it is read."""
    size = 5_000_000
    data = with_part("word/document.xml", b" " * size)
    lying = data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != data
    assert "damaged" in reject_of("a.docx", lying).reason


def test_an_archive_of_very_many_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word writes some dozens."""
    monkeypatch.setattr(zipped_xml, "MAX_PARTS", 5)
    assert "parts, at most 5" in reject_of("a.docx", DOCX).reason
