# ruff: noqa: E501 - an element of XML a line
"""PDF and Word files for tests, made at run time by libraries that Waypoint doesn't read with."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence

import docx
import pypdf
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

Parts = dict[str, bytes]


def pdf_file(pages: Sequence[str], *, password: str = "", title: str = "") -> bytes:
    """A PDF with these texts in Helvetica, a line of the page for each; none for an empty one."""
    writer = pypdf.PdfWriter()
    font = writer._add_object(
        DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
    )
    for text in pages:
        page = writer.add_blank_page(width=595, height=842)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(_drawn(text))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _drawn(text: str) -> bytes:
    """Content operators: black boxes for an empty text, as a scanned page has its image."""
    if not text:
        return b"0 g 100 100 300 500 re f"
    operators = [b"BT /F1 11 Tf 14 TL 50 800 Td"]
    for line in text.split("\n"):
        shown = line.encode("cp1252")
        for special in (b"\\", b"(", b")"):
            shown = shown.replace(special, b"\\" + special)
        operators.append(b"(" + shown + b") Tj T*")
    return b"\n".join([*operators, b"ET"])


def docx_file() -> bytes:
    """A Word document with a title, headings, lists, a table, an umlaut and a picture's place."""
    document = docx.Document()
    document.core_properties.title = "Dome manual"
    document.core_properties.author = "Ada Quill"
    document.core_properties.language = "en-GB"
    document.add_heading("The dome", level=1)
    paragraph = document.add_paragraph("It turns ")
    paragraph.add_run("slowly").bold = True
    paragraph.add_run(" and größer.")
    document.add_heading("Closing it", level=2)
    for step in ("Park the telescope", "Turn the key"):
        document.add_paragraph(step, style="List Number")
    for thing in ("gloves", "lamp"):
        document.add_paragraph(thing, style="List Bullet")
    table = document.add_table(rows=1, cols=2)
    for cell, text in zip(table.rows[0].cells, ("part", "weight"), strict=True):
        cell.text = text
    for name, weight in (("shutter", "80 kg"), ("a|b", "3\nkg")):
        for cell, text in zip(table.add_row().cells, (name, weight), strict=True):
            cell.text = text
    document.add_paragraph("After the table.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def changed_zip(data: bytes, change: Callable[[Parts], None], *, packing: int = 8) -> bytes:
    """The archive with its parts changed in place."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    return zip_file(parts, packing=packing)


_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "w": _WORD,
        "m": f"{_OFFICE}/math",
        "r": f"{_OFFICE}/relationships",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    }.items()
)


def word_file(body: str, related: dict[str, tuple[str, bytes | str]] | None = None) -> bytes:
    """A Word document of the XML in its body, beside the parts that it refers to.

    ``related``: by id, the kind of relation and the part's content; the part's name is its id,
    and without a dot in it, it is XML, whose content is put into a root of that name.
    """
    parts: Parts = {"word/document.xml": _xml("document", f"<w:body>{body}</w:body>")}
    relations = ""
    for name, (kind, content) in (related or {}).items():
        file = name if "." in name else f"{name}.xml"
        parts[f"word/{file}"] = _xml(name, content) if isinstance(content, str) else content
        relations += f'<Relationship Id="{name}" Type="x/{kind}" Target="{file}"/>'
    parts["word/_rels/document.xml.rels"] = f"<Relationships>{relations}</Relationships>".encode()
    parts["_rels/.rels"] = (
        b'<Relationships><Relationship Id="r" Type="x/officeDocument" Target="word/document.xml"/>'
        b"</Relationships>"
    )
    return zip_file(parts)


def _xml(name: str, content: str) -> bytes:
    return f"<w:{name} {NAMESPACES}>{content}</w:{name}>".encode()


def zip_file(parts: Parts, *, packing: int = 8) -> bytes:
    """An archive of these parts, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def sheet_file(sheets: dict[str, str], *, hidden: str = "", more: Parts | None = None) -> bytes:
    """A workbook of Excel: by name, the rows of each sheet as XML, or what ``cells`` makes."""
    relations = f'xmlns:r="{_OFFICE}/relationships"'
    listed, related = "", ""
    parts: Parts = {}
    for number, (name, rows) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name == hidden else ""
        listed += f'<sheet name="{name}" sheetId="{number}" r:id="s{number}"{state}/>'
        kind = f"{_OFFICE}/relationships/worksheet"
        related += f'<Relationship Id="s{number}" Type="{kind}" Target="worksheets/s{number}.xml"/>'
        parts[f"xl/worksheets/s{number}.xml"] = (
            f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>'.encode()
        )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="10"/></cellXfs>'
    kind = f"{_OFFICE}/relationships/styles"
    related += f'<Relationship Id="styles" Type="{kind}" Target="styles.xml"/>'
    kind = f"{_OFFICE}/relationships/officeDocument"
    main = f'<Relationship Id="w" Type="{kind}" Target="xl/workbook.xml"/>'
    head: Parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}">{main}</Relationships>'.encode(),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_SHEET}" {relations}><sheets>{listed}</sheets></workbook>'.encode()
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{package}">{related}</Relationships>'.encode()
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{_SHEET}">{styles}</styleSheet>'.encode(),
    }
    return zip_file({**head, **parts, **(more or {})})


def cells(*rows: Sequence[str | float | None]) -> str:
    """The XML of rows, each a list of texts and numbers; None for a cell that isn't there."""
    return "".join(
        f'<row r="{number}">'
        + "".join(_cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, 1)
    )


def _cell(place: str, value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


_RELATION = '<Relationship Id="{}" Type="x/{}" Target="{}"/>'
SLIDES_HEAD = b'<Relationships><Relationship Id="m" Type="x/officeDocument" Target="ppt/presentation.xml"/></Relationships>'


def slide_file(*slides: str, related: dict[str, tuple[str, str]] | None = None) -> bytes:
    """A presentation of the XML in each slide's tree; ``related`` parts belong to the first."""
    listed = "".join(f'<p:sldId r:id="s{number}"/>' for number in range(len(slides)))
    relations = "".join(
        _RELATION.format(f"s{number}", "slide", f"slides/s{number}.xml")
        for number in range(len(slides))
    )
    parts: Parts = {
        "_rels/.rels": SLIDES_HEAD,
        "ppt/presentation.xml": f"<p:presentation {NAMESPACES}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>".encode(),
        "ppt/_rels/presentation.xml.rels": f"<Relationships>{relations}</Relationships>".encode(),
    }
    for number, tree in enumerate(slides):
        show = ' show="0"' if tree.startswith("<!--hidden-->") else ""
        parts[f"ppt/slides/s{number}.xml"] = (
            f"<p:sld {NAMESPACES}{show}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>".encode()
        )
    relations = ""
    for name, (kind, content) in (related or {}).items():
        parts[f"ppt/slides/{name}.xml"] = f"<p:x {NAMESPACES}>{content}</p:x>".encode()
        relations += _RELATION.format(name, kind, f"{name}.xml")
    parts["ppt/slides/_rels/s0.xml.rels"] = f"<Relationships>{relations}</Relationships>".encode()
    return zip_file(parts)


BOOK_CONTAINER = (
    b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    b'<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
BOOK_ABOUT = "<dc:title>Tides</dc:title><dc:creator>Ada</dc:creator><dc:creator>Bo</dc:creator><dc:language>en</dc:language>"


def chapter(body: str, head: str = "") -> bytes:
    doctype = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x.dtd">'
    page = (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head>{head}</head><body>{body}</body></html>'
    )
    return f'<?xml version="1.0" encoding="utf-8"?>{doctype}{page}'.encode()


def book(
    *chapters: bytes, spine: str = "", more: Parts | None = None, about: str = BOOK_ABOUT
) -> bytes:
    items = "".join(
        f'<item id="c{number}" href="text/c{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(len(chapters))
    )
    items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    items += '<item id="far" href="text/a%20b.xhtml" media-type="application/xhtml+xml"/>'
    spine = spine or "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{about}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    parts: Parts = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": BOOK_CONTAINER,
        "OEBPS/book.opf": package.encode(),
        "OEBPS/nav.xhtml": chapter("<nav><ol><li>Contents</li></ol></nav>"),
    }
    parts |= {f"OEBPS/text/c{number}.xhtml": each for number, each in enumerate(chapters)}
    return zip_file({**parts, **(more or {})})
