"""PDF and Word files of known text, made by a seed and by no library."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from xml.sax.saxutils import escape

from waypoint.benchmark.corpus import WORDS

SECTION = 560
"""Characters of a section, at most: one chunk of the default size."""
_LINE = 88
"""Characters in a line of a PDF: A4 in 10 points."""
_LINES = 52
"""Lines on a page."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a paragraph, and a table of three columns."""

    heading: str
    paragraph: str
    rows: tuple[tuple[str, str, str], ...]

    @property
    def characters(self) -> int:
        """Of its words, without white space."""
        texts = (self.heading, self.paragraph, *(cell for row in self.rows for cell in row))
        return sum(len("".join(text.split())) for text in texts)


def write_office_files(
    folder: Path, suffix: str, files: int, sections: int, *, seed: int = 0
) -> int:
    """Write files of one of ``OFFICE_SUFFIXES``, in ten categories.

    Returns the characters of their words, without white space. No two sections are alike.
    """
    characters = 0
    for number in range(files):
        draw = random.Random(f"{seed}/{suffix}/{number}")  # noqa: S311
        content = [_section(draw, each) for each in range(1, sections + 1)]
        path = folder / f"category_{number % 10}" / f"document_{number:06}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_MADE[suffix](content))
        characters += sum(section.characters for section in content)
    return characters


def _section(draw: random.Random, number: int) -> Section:
    words = WORDS["en"].split()
    heading = f"Section {number} {draw.getrandbits(48):x}"
    names = draw.sample(words, 3)
    rows = tuple((name, f"{draw.random():.2f}", str(draw.randrange(1000))) for name in names)
    length = SECTION - len(heading) - sum(len(cell) + 3 for row in rows for cell in row)
    paragraph = " ".join(draw.choices(words, k=length))[:length].strip()
    return Section(heading, f"{paragraph}.", rows)


def _pdf(sections: list[Section]) -> bytes:
    """Pages of text in Helvetica, their contents packed, as most programs write them."""
    lines: list[str] = []
    for section in sections:
        lines += ["", section.heading, "", *wrap(section.paragraph, _LINE), ""]
        lines += ["\t".join(row) for row in section.rows]
    pages = [lines[at : at + _LINES] for at in range(0, len(lines), _LINES)]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for page in pages:
        content = zlib.compress(_drawn(page))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (len(objects) + 2)
        )
        head = b"<< /Length %d /Filter /FlateDecode >>" % len(content)
        objects.append(b"%s\nstream\n%s\nendstream" % (head, content))
    return _joined(objects)


def _drawn(lines: list[str]) -> bytes:
    """The operators that draw lines from the top; a tab leads to the next column."""
    shown = []
    for number, line in enumerate(lines):
        for column, part in enumerate(line.split("\t")):
            place = f"{50 + 150 * column} {790 - 14 * number}"
            shown.append(f"BT /F1 10 Tf {place} Td ({part}) Tj ET")
    return "\n".join(shown).encode()


def _joined(objects: list[bytes]) -> bytes:
    data, offsets = b"%PDF-1.5\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return data + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, table, count, len(data))
    )


_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STYLES = (
    f'<w:styles xmlns:w="{_WORD}"><w:style w:type="paragraph" w:styleId="Heading1">'
    '<w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>'
)
_KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{_KIND}.document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="{}" Target="{}"/></Relationships>'
)


def _docx(sections: list[Section]) -> bytes:
    body = "".join(
        _paragraph(section.heading, '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>')
        + _paragraph(section.paragraph)
        + f"<w:tbl>{''.join(map(_row, section.rows))}</w:tbl>"
        for section in sections
    )
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS.format(f"{_OFFICE}/officeDocument", "word/document.xml"),
        "word/_rels/document.xml.rels": _RELATIONS.format(f"{_OFFICE}/styles", "styles.xml"),
        "word/styles.xml": _STYLES,
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>',
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _row(cells: tuple[str, str, str]) -> str:
    return f"<w:tr>{''.join(f'<w:tc>{_paragraph(cell)}</w:tc>' for cell in cells)}</w:tr>"


def _paragraph(text: str, properties: str = "") -> str:
    """In runs of five words, as programs leave them behind after an edit or two."""
    words = text.split(" ")
    runs = (
        f'<w:r><w:t xml:space="preserve">{escape(" ".join([*words[at : at + 5], ""]))}</w:t></w:r>'
        for at in range(0, len(words), 5)
    )
    return f"<w:p>{properties}{''.join(runs)}</w:p>"


_MADE = {"pdf": _pdf, "docx": _docx}
OFFICE_SUFFIXES = tuple(_MADE)
